"""Names on a page: two inputs that keep what can be read, and the bound of a VAE of names in numbers."""

from __future__ import annotations

from functools import lru_cache, partial

import streamlit as st

from app.house import house
from app.page.bounds import FORMULA, last_measured
from app.page.keys import PageKeys
from app.source import source_of
from app.theme import ROLES
from app.views.flows.formula import script_of
from app.words import plain
from engines.datasets.names import decode_name, encode_name, fold_name
from engines.errors import DataError
from engines.training import Experiment
from engines.training.run import Run
from engines.vae.name_nets import NameDecoder

PAIRS = (
    ("berlin", "new york"),
    ("berlin", "dakar"),
    ("bogota", "heidelberg"),
    ("copacabana", "venice"),
    ("cochabamba", "chester"),
    ("oslo", "lagos"),
)
MOST_TYPED = 40


def titled(name: str) -> str:
    """A name as atlases write it: "new delhi" as "New Delhi"; models read small letters only."""
    return "-".join(" ".join(word[:1].upper() + word[1:] for word in part.split(" ")) for part in name.split("-"))


def open_names(keys: PageKeys, a: str, b: str) -> list[str]:
    """Take two names from a link; what cannot be read becomes a sentence, and the first pair is kept."""
    problems = []
    for end, text, usual in (("a", a, PAIRS[0][0]), ("b", b, PAIRS[0][1])):
        try:
            encode_name(text[:MOST_TYPED])
            name = fold_name(text[:MOST_TYPED])
        except DataError as error:
            problems.append(f"{error} {titled(usual)} is shown.")
            name = usual
        st.session_state[keys.own(end)] = name
        st.session_state[keys.widget("pair", end)] = titled(name)
    return problems


def draw_names(keys: PageKeys) -> tuple[str, str]:
    """The two inputs; returns the names as a model reads them. One that cannot be read leaves what was there."""
    for end, column, label in zip("ab", st.columns(2), ("From this name", "to this name"), strict=True):
        text = column.text_input(label, key=keys.widget("pair", end), max_chars=MOST_TYPED)
        try:
            encode_name(text)
            st.session_state[keys.own(end)] = fold_name(text)
        except DataError as error:
            held = titled(st.session_state[keys.own(end)])
            column.error(plain(f"{error} {held} stays."), icon=":material/abc:")
    return st.session_state[keys.own("a")], st.session_state[keys.own("b")]


def draw_pairs(keys: PageKeys) -> None:
    """Pairs to try, one press each."""
    for index, (a, b) in enumerate(PAIRS):
        title = f"{titled(a)} → {titled(b)}"
        st.button(title, key=keys.own(f"pair/{index}"), on_click=partial(_take, keys, a, b), width="stretch")


def _take(keys: PageKeys, a: str, b: str) -> None:
    open_names(keys, a, b)


@lru_cache(maxsize=64)
def letter_terms(digest: str, started: float, name: str) -> tuple[tuple[str, float], ...]:
    """log p of each letter of a name and of its end, given the letters before it and the mean of its code, in nats.

    `started` tells trainings of the same run apart.
    """
    run = house().shelves.get(digest)
    if run is None:
        raise KeyError(digest)
    model, x = run.model(), encode_name(name)[None]
    z = model.encode(x).mean
    places = range(min(len(name) + 1, x.shape[1] - 1))
    logits = (model.letter_logits(x[:, :t], z).log_softmax(1)[0, x[0, t]] for t in places)
    letters = [*decode_name(x[0]), "end"]
    return tuple(zip(letters, (float(value) for value in logits), strict=False))


def draw_name_formula(run: Run | None, name: str) -> None:
    """The bound with held-out means, and one name letter by letter, once a run has ended."""
    st.latex(FORMULA)
    last = last_measured(run)
    if run is None or last is None:
        st.caption("Once a run has ended, its numbers stand here.")
        return
    found = {key: last.metrics[key][0] for key in ("rate", "distortion", "bound", "bits_per_letter", "bound_error")}
    red, green = ROLES["error"]["light"], ROLES["field"]["light"]
    st.latex(
        rf"{found['bound']:.2f} = -\textcolor{{{red}}}{{{found['distortion']:.2f}}} "
        rf"- \textcolor{{{green}}}{{{found['rate']:.2f}}}\ \text{{nats}}"
    )
    tight = last.metrics.get("bound_50")
    said = f" With 50 weighted samples: {_signed(tight[0])} nats." if tight else ""
    st.caption(
        f"Mean over all held-out names, ± {found['bound_error']:.2f}: a lower bound, at most "
        f"{found['bits_per_letter']:.2f} bits for each letter, the end counted as one.{said}"
    )
    _draw_letters(run, name)


def _draw_letters(run: Run, name: str) -> None:
    """log p(x given z) of one name as the sum over its letters."""
    terms = letter_terms(run.name, run.info.started, name)
    total = sum(value for _, value in terms)
    parts = " ".join(f"`{_shown(letter)}` {_signed(value)}" for letter, value in terms)
    st.markdown(f"**log p({titled(name)} given z)** = {parts} = **{_signed(total)} nats**")
    st.caption("Each letter given the letters before it and the code, here the mean of the name's own. Exact.")


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _shown(letter: str) -> str:
    return "space" if letter == " " else letter


def draw_name_code(experiment: Experiment) -> None:
    """The lines that compute the same run, and the decoder that they train."""
    st.code(script_of(experiment), language="python")
    st.caption("The decoder itself, from engines/vae/name_nets.py:")
    st.code(source_of(NameDecoder), language="python")
