"""How near training's JPEGs are to real ones."""
