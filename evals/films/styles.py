"""The styles of film that are told apart in the tables."""

from __future__ import annotations

from dataclasses import dataclass, field

Weights = dict[str, float]
_CALM = {"still": 3.0, "pan": 2.0, "zoom": 1.5, "hand": 2.0, "track": 1.0}
_CUTS = {"cut": 1.0}


@dataclass(frozen=True)
class Style:
    """What a film of this style is made of; choices by weight."""

    name: str
    joins: Weights = field(default_factory=lambda: _CUTS)
    seconds: float = 45.0
    shots: tuple[float, float] = (1.4, 4.0)  #: s that shots last
    cameras: Weights = field(default_factory=lambda: _CALM)
    takes: Weights = field(
        default_factory=lambda: {"place": 1.0}
    )  #: "place", "talk", "action", "lights", "slide", "cartoon", "card"
    gradual: tuple[int, int] = (8, 60)  #: frames of dissolves, wipes and slopes of fades
    again: float = 0.35  #: how often the next shot is of the same place
    grain: tuple[float, float] = (0.8, 2.5)  #: levels
    crf: tuple[int, int] = (20, 27)
    flashes: float = 0.0  #: per second
    blackouts: float = 0.0  #: per second
    titles: float = 0.0  #: share of the shots that words appear over
    spread: tuple[float, float] | None = None  #: standard deviation of luma that dark shots are brought to
    bars: bool = False
    irregular: bool = False
    fields: bool = False


_MIXED = {"cut": 4.0, "dissolve": 1.0, "wipe": 0.4, "fade": 0.5}
STYLES = (
    Style("hard cuts", again=0.5),
    Style("dissolves", {"dissolve": 4.0, "cut": 1.0}, shots=(1.0, 3.2), seconds=80.0),
    Style("wipes", {"wipe": 4.0, "cut": 1.0}, shots=(1.0, 3.2), gradual=(8, 45), seconds=80.0),
    Style("fades", {"fade": 3.0, "cut": 1.0}, gradual=(5, 40)),
    Style("flashes", {"cut": 3.0, "dissolve": 1.0}, flashes=0.45, shots=(2.0, 5.0)),
    Style("hand-held", {"cut": 3.0, "dissolve": 1.0}, cameras={"shaky": 1.0}),
    Style("whips and zooms", cameras={"whip": 3.0, "crash": 2.0, "pan": 1.0}, shots=(1.4, 4.5)),
    Style("talk", {"cut": 6.0, "dissolve": 0.5}, takes={"talk": 1.0}, cameras={"still": 3.0, "hand": 1.0}),
    Style("grain", {"cut": 3.0, "dissolve": 1.5, "fade": 0.5}, grain=(9.0, 20.0), crf=(23, 28)),
    Style("dark", {"cut": 3.0, "dissolve": 1.5, "fade": 0.4}, spread=(3.0, 10.0), grain=(0.6, 2.0)),
    Style("blackouts", {"cut": 2.0, "fade": 1.0, "black": 1.0}, blackouts=0.3, gradual=(6, 30)),
    Style("irregular times", _MIXED, irregular=True, gradual=(8, 40)),
    Style("action", takes={"action": 1.0}, cameras={"hand": 2.0, "track": 2.0, "pan": 1.0, "whip": 0.5}, shots=(1.0, 4.0)),
    Style("slides and cartoons", {"cut": 4.0, "dissolve": 1.0, "wipe": 0.5}, takes={"slide": 2.0, "cartoon": 2.0},
          grain=(0.0, 0.5), gradual=(8, 25)),
    Style("changes of light", {"cut": 3.0, "dissolve": 0.7}, takes={"lights": 1.0}, shots=(2.5, 5.5)),
    Style("montage", shots=(0.7, 0.9), cameras={"still": 1.0, "hand": 2.0, "pan": 1.0, "zoom": 1.0}, again=0.15),
    Style("letterbox", _MIXED, bars=True, takes={"place": 3.0, "talk": 1.0, "action": 0.6}),
    Style("low bit rate, two fields", _MIXED, fields=True, gradual=(10, 40)),
    Style("titles", {"cut": 3.0, "dissolve": 1.0}, titles=0.75, shots=(2.5, 5.5)),
    Style("tilts", {"cut": 3.0, "dissolve": 1.0}, cameras={"tilt": 1.0}, shots=(2.0, 6.0)),
    Style("plain cards", {"cut": 6.0, "dissolve": 1.0}, takes={"card": 1.0}, shots=(0.8, 3.0), grain=(0.0, 1.0),
          crf=(18, 30)),
)  # fmt: skip
