"""Which names and texts tell a place: shared by all blocks that "no-gps" cleans.

Names of properties are judged by what they say in whatever namespace or prefix; texts by whether
they hold a coordinate, or are the name of a place that another property of the file has given.
"""

import re

GEO_NAMESPACES = ("http://www.w3.org/2003/01/geo/", "http://www.georss.org/georss")
_NAMES = {
    *("city", "sublocation", "state", "province", "provincestate", "stateprovince", "country"),
    *("countryname", "countrycode", "worldregion", "continent", "county", "municipality"),
    *("locality", "lat", "lon", "long", "lng", "landmark", "place", "placename"),
}
_PARTS = re.compile(r"gps|latitude|longitude|altitude|location|geotag|geohash|^geo$")
_NOT_PLACES = {"subjectlocation"}  # where in the picture the subject is
_HIERARCHIES = re.compile(r"(?:places?|locations?|geo\w*|lieux?|orte?)\s*[|/>]", re.IGNORECASE)
_NUMBER = r"[-+]?\d{1,3}\.\d{3,}"
_COORDINATES = re.compile(
    "|".join(
        (
            r"\bgeo:\s*-?\d|\bgeo:l(?:at|on)",
            r"\b(?:lat|latitude|lon|lng|long|longitude)\b\W{0,4}[-+]?\d",
            r"\d{1,3}(?:\.\d{1,9})?\s?°\s?(?:[\d.]{1,9}\s?['′]\s?(?:[\d.]{1,9}\s?(?:\"|″|'')\s?)?)?[NSEWO]\b",
            r"\b[NSEW]\s?\d{1,3}(?:\.\d{3,9}|\s?°)",
            r"\b\d{1,3},\d{1,2}(?:\.\d{1,9}|,\d{1,2})?[NSEW]\b",
            r"[-+]\d{2}\.\d{2,9}[-+]\d{3}\.\d{2,9}",
            r"\b[23456789CFGHJMPQRVWX]{8}\+[23456789CFGHJMPQRVWX]{2,3}\b",  # plus codes
        )
    ),
    re.IGNORECASE,
)
_PAIR = re.compile(rf"({_NUMBER})°?\s?[NS]?\s?[,;/ ]\s?({_NUMBER})")


def names_place(name: str, namespace: str = "") -> bool:
    """Say whether a property of this local name holds a coordinate or the name of a place."""
    if namespace.startswith(GEO_NAMESPACES):
        return True
    word = name.lower()
    return word in _NAMES or (word not in _NOT_PLACES and _PARTS.search(word) is not None)


def tells_place(text: str, known: frozenset[str] = frozenset()) -> bool:
    """Say whether a text holds a coordinate, or is one of the place names `known`, in lower case.

    A place that a caption names in words only is not found.
    """
    if _COORDINATES.search(text) or _HIERARCHIES.match(text.lstrip()):
        return True
    if any(is_pair(first, second) for first, second in _PAIR.findall(text)):
        return True
    return text.strip().lower() in known


def is_pair(first: str, second: str) -> bool:
    """Say whether two decimal numbers can be latitude and longitude, and not shares of a whole."""
    latitude, longitude = abs(float(first)), abs(float(second))
    return latitude <= 90 and longitude <= 180 and max(latitude, longitude) >= 1
