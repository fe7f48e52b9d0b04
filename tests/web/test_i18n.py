"""Languages: complete catalogues, nothing public unmarked, a sentence for every error code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from booking.gateways import catalogues, words
from booking.web import i18n, wording

ERRORS = {"InvalidInput", "NotFound", "Forbidden", "Conflict", "TooMany", "Unavailable"}
UNKNOWN = "Vérifiez cette réponse."


def test_every_public_sentence_is_marked_translated_and_well_set() -> None:
    assert wording.problems() == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Bonjour</p>", "Bonjour"),
        ('<p>{{ _("Bonjour") }}</p>', None),
        ("{% trans %}Bonjour{% endtrans %} monde", "monde"),
        ('<p lang="fr">Texte de loi</p><p>dehors</p>', "dehors"),
        ('<p translate="no">France <br> Services</p>', None),
        ('<img alt="Un dessin">', "Un dessin"),
        ('<img alt="{{ _("Un dessin") }}">', None),
        ('{{ field("nom", "Votre nom") }}', "Votre nom"),
        ('{{ field("nom", _("Votre nom"), type="text") }}', None),
        ('{{ ngettext("%(n)s Place", "%(n)s Places", n) }}', None),
        ("{# Un commentaire #}", None),
        ("{% if x %}class{% else %}autre{% endif %}", "classautre"),
    ],
)
def test_the_proof_reader_sees_text_that_no_translation_reaches(source: str, found: str | None) -> None:
    assert [text for _, text in wording.unmarked_in(source)] == ([found] if found else [])


def test_the_proof_reader_names_the_line() -> None:
    assert wording.unmarked_in('{# une\nnote #}\n{{ _("Bien") }}\n<p>Oubli</p>') == [(4, "Oubli")]


def test_two_sentences_of_a_paragraph_keep_their_space() -> None:
    """The line end after a tag is not written: sentences that follow one another stand on one line."""
    glued = re.compile(r"\{% endtrans %\}\n(?:\w|\{\{|\{% trans)")
    assert [path.name for path in words.TEMPLATES.rglob("*.html") if glued.search(path.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    ("french", "bad"),
    [("Prêt ?", True), ("Prêt\u202f?", False), ("« Oui »", True), ("C'est", True), ("C’est", False), ("10:30", False)],
)
def test_french_typography_is_checked(french: str, bad: bool) -> None:
    catalogue = Catalog()
    catalogue.add(french)
    assert bool(wording.badly_set([message for message in catalogue if message.id])) is bad


@pytest.mark.parametrize(
    ("translation", "flags", "ok"),
    [
        ("Hello %(name)s", [], True),
        ("Hello", [], False),
        ("Hello %(nom)s", [], False),
        ("", [], False),
        ("Hello %(name)s", ["fuzzy"], False),
    ],
)
def test_a_doubtful_or_broken_translation_is_reported(
    monkeypatch: pytest.MonkeyPatch, translation: str, flags: list[str], ok: bool
) -> None:
    wanted, said = Catalog(), Catalog(locale="en")
    wanted.add("Bonjour %(name)s")
    said.add("Bonjour %(name)s", translation, flags=flags)
    monkeypatch.setattr(wording, "extract", lambda: wanted)
    monkeypatch.setattr(wording, "unmarked", list)
    monkeypatch.setattr(wording, "TRANSLATED", ("en",))
    monkeypatch.setattr(wording, "read_catalogue", lambda _code: said)
    assert (wording.problems() == []) is ok


def test_the_commands_add_fill_and_forget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = Catalog(locale="en", fuzzy=False)
    catalogue.add("Ancien", "Old")
    monkeypatch.setattr(i18n, "path_of", lambda code: tmp_path / code / "messages.po")
    monkeypatch.setattr(i18n, "read_catalogue", lambda code: _read(tmp_path / code / "messages.po"))
    for code in i18n.TRANSLATED:
        i18n.write_catalogue(code, catalogue)
    wanted = Catalog()
    wanted.add("Prêt\u202f?", locations=[("a.html", 0)])
    monkeypatch.setattr(i18n, "extract", lambda: wanted)

    i18n.update()
    assert i18n.missing("en") == {"Prêt\u202f?": ""}
    assert i18n.fill("en", {"Prêt ?": "Ready?", "Inconnu": "Unknown"}) == ["Inconnu"]
    assert i18n.missing("en") == {}
    text = (tmp_path / "en" / "messages.po").read_text("utf-8")
    assert '#~ msgstr "Old"' in text
    assert "Date" not in text
    i18n.prune()
    assert "Old" not in (tmp_path / "en" / "messages.po").read_text("utf-8")


def _read(path: Path) -> Catalog:
    from babel.messages.pofile import read_po

    with path.open("rb") as file:
        return read_po(file, locale=path.parent.name)


def test_an_unknown_language_is_french_and_the_choice_ends_with_its_block() -> None:
    with catalogues.using("xx") as chosen:
        assert chosen.code == "fr"
        with catalogues.using("ar") as inner:
            assert (inner.direction, catalogues.gettext("Accueil")) == ("rtl", "الصفحة الأولى")
    assert catalogues.gettext("Accueil") == "Accueil"


def test_a_sentence_without_translation_is_said_in_french() -> None:
    with catalogues.using("en"):
        assert catalogues.gettext("Phrase inconnue") == "Phrase inconnue"
        assert catalogues.ngettext("%(n)s chose", "%(n)s choses", 0) == "%(n)s chose"


def test_a_label_written_early_is_said_late() -> None:
    label = catalogues.lazy_gettext("Accueil")
    with catalogues.using("en"):
        assert str(label) == "Home"
    assert label.__html__() == "Accueil"


@pytest.mark.parametrize("folder", ["guichet", "referent", "supervision", "connexion"])
def test_pages_of_staff_keep_the_narrow_space_of_public_ones(folder: str) -> None:
    """U+202F before ? ! ; and U+00A0 before a colon, on every page."""
    wrong = re.compile(r"[\w’»)}][ \u00a0][?!;](?=[\s\"<)]|$)")
    for path in sorted((catalogues.ROOT / "templates" / folder).rglob("*.*")):
        assert not wrong.findall(path.read_text("utf-8")), path.name


def raised_codes() -> set[str]:
    """Codes in the program's text: first argument of an error of ours, and what ``fields`` and ``errors`` map to."""
    codes: set[str] = set()
    for path in sorted((catalogues.ROOT / "booking").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in ERRORS:
                codes |= _texts(node.args[:1])
                codes |= _texts(
                    [value for word in node.keywords if word.arg == "fields" for value in _values(word.value)]
                )
            elif isinstance(node, ast.Assign) and "errors[" in ast.unparse(node.targets[0]):
                codes |= _texts([node.value])
    return codes


def _values(node: ast.expr) -> list[ast.expr]:
    return node.values if isinstance(node, ast.Dict) else []


def _texts(nodes: list[ast.expr]) -> set[str]:
    found = set()
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            found.add("".join(part.value if isinstance(part, ast.Constant) else "x" for part in node.values))
    return found


def sentence(code: str) -> str:
    template = words.environment().from_string('{% from "errors/sentences.html" import sentence %}{{ sentence(code) }}')
    return template.render(code=code).strip()


def test_every_known_code_has_a_sentence() -> None:
    codes = raised_codes()
    assert {"form_expired", "name_missing", "transition_x_x"} <= codes
    # The reason of a refused correction is only known when it is raised; both have their sentence.
    without = {code for code in codes - {"correction_x"} if sentence(code) == UNKNOWN}
    assert without == set()


def test_a_code_without_sentence_is_never_shown() -> None:
    assert sentence("never_heard_of") == UNKNOWN
    assert sentence("correction_birth_changed") != UNKNOWN
    with catalogues.using("ar"):
        assert re.search(r"[\u0600-\u06ff]", sentence("limit_file"))


def test_a_recepisse_is_the_document_of_a_stay_never_our_paper() -> None:
    """What we hand over is a reçu; nobody may believe that it allows to stay."""
    stay = ("titre", "visa", "attestation", "préfecture")
    for path in sorted(words.TEMPLATES.rglob("*.*")):
        for number, line in enumerate(path.read_text(encoding="utf-8").lower().splitlines(), start=1):
            for said in re.finditer("récépissé", line):
                near = line[max(0, said.start() - 40) : said.end() + 40]
                assert any(word in near for word in stay), f"{path.name}:{number}: {near}"
