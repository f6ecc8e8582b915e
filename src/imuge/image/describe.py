"""What a file says about its own origin, for people to read. It may say anything."""

import warnings

from PIL import Image
from PIL.ExifTags import IFD, Base

from imuge.image.picture import Picture

# In the order of a report; all of it is text that whoever made the file chose.
TAGS = {
    "Camera make": Base.Make,
    "Camera model": Base.Model,
    "Software": Base.Software,
    "Artist": Base.Artist,
    "Copyright": Base.Copyright,
    "Description": Base.ImageDescription,
    "Date in the file": Base.DateTime,
    "Date taken": Base.DateTimeOriginal,
}


def described(picture: Picture) -> dict[str, str]:
    """Give what the EXIF block says, as label and text; nothing where it cannot be read.

    Places are left out: a report is meant to be forwarded.
    """
    if picture.metadata.exif is None:
        return {}
    exif = Image.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exif.load(picture.metadata.exif)
            found = dict(exif) | dict(exif.get_ifd(IFD.Exif))
    except Exception:
        return {}
    said = {name: found.get(tag) for name, tag in TAGS.items()}
    return {name: text.strip() for name, text in said.items() if isinstance(text, str) and text}
