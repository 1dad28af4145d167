"""Colours of the plots: placeholders, replaced by colours for light and dark pages."""

TEXT = "#010101"
GRID = "#020202"
PALETTE = tuple(f"#0303{number:02d}" for number in range(1, 10))

# By placeholder: name of the colour, its value on a light page and on a dark page.
COLOURS = {
    TEXT: ("text", "#1f2328", "#e6edf3"),
    GRID: ("grid", "#d0d7de", "#30363d"),
    PALETTE[0]: ("ours", "#0550ae", "#79c0ff"),
    PALETTE[1]: ("green", "#1a7f37", "#56d364"),
    PALETTE[2]: ("brown", "#8a4600", "#e3b341"),
    PALETTE[3]: ("purple", "#8250df", "#d2a8ff"),
    PALETTE[4]: ("teal", "#0f7b83", "#76e3ea"),
    PALETTE[5]: ("red", "#cf222e", "#ff7b72"),
    PALETTE[6]: ("olive", "#5c6a00", "#bfd24a"),
    PALETTE[7]: ("pink", "#bf3989", "#ff9bce"),
    PALETTE[8]: ("grey", "#6e7781", "#9aa4ae"),
}


def apply_theme(svg: str) -> str:
    """Replace the placeholders of a drawing by CSS variables, and add a style that declares them."""
    for placeholder, (name, _, _) in COLOURS.items():
        svg = svg.replace(placeholder, f"var(--{name})")
    light = declare_variables({name: colour for name, colour, _ in COLOURS.values()})
    dark = declare_variables({name: colour for name, _, colour in COLOURS.values()})
    style = (
        f"<style>:root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}</style>"
    )
    head, tag, rest = svg.partition("<svg ")
    opening, end, drawing = rest.partition(">")
    return f"{head}{tag}{opening}{end}\n {style}{drawing}"


def declare_variables(colours: dict[str, str]) -> str:
    """Return CSS that declares a variable for each colour."""
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())
