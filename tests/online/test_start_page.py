"""The start page: what a study says of itself, and the choice of its language, to the raw data."""

import subprocess
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from tests.online.crowd import command, make_study, plans, serving
from tests.online.engines import Engine, opened
from tests.online.player import WORDS, Player

from twoalike.online import Person
from twoalike.record import check_bids, read_answers
from twoalike.study import Study
from twoalike.tables import read_tsv

SIZE = (1280, 1024)
SAID = {
    "lab": ("Likeness Lab", "مختبر التشابه"),
    "duration": ("6 minutes", "ست دقائق"),
    "payment": ("1.20 euros", "يورو واحد"),
    "devices": ("Phone or computer", "هاتف أو حاسوب"),
    "contact": ("Ask lab@example.org", "اسأل lab@example.org"),
    "withdrawal": ("By a code", "برمز"),
}
LABELS = ("Researchers", "Duration", "Payment", "Devices", "Contact", "Withdrawal")
TEXTS = {
    '"You will compare drawings of creatures. Do you want to take part?"': "هل تشارك؟",
    '"How old are you, in years?"': "كم عمرك؟",
    '"Which hand do you write with?"': "بأي يد تكتب؟",
    '["left", "right", "both"]': '["اليسرى", "اليمنى", "كلتاهما"]',
}


def by_language(english: str, arabic: str) -> str:
    quoted = arabic if arabic.startswith("[") else f'"{arabic}"'
    return f"{{ en = {english}, ar = {quoted} }}"


def run(*words: object) -> tuple[int, str]:
    done = subprocess.run(command(*words), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def study(tmp_path: Path) -> Study:
    made = make_study(tmp_path / "creatures", trials=2, tasks=("odd-one-out", "multi-arrangement"))
    settings = made.root / "study.toml"
    settings.write_text('languages = ["en", "ar"]\n' + settings.read_text("utf-8"), "utf-8")
    for path in (made.root / "protocols").glob("*.toml"):
        text = path.read_text("utf-8")
        for english, arabic in TEXTS.items():
            text = text.replace(f"= {english}", f"= {by_language(english, arabic)}")
        text = text.replace('"What did you look at?"', '{ en = "Why?", ar = "لماذا؟" }')
        path.write_text(text, "utf-8")
    lines = [f"{name} = {by_language(f'"{one}"', other)}\n" for name, (one, other) in SAID.items()]
    (made.root / "protocols" / "page.toml").write_text("".join(lines), "utf-8")
    return Study.load(made.root)


def chosen(engine: Engine) -> tuple[str, str, str]:
    page = "() => [document.documentElement.lang, document.documentElement.dir]"
    return *engine.ask(page), str(engine.ask(WORDS))


def arabic(study: Study, code: str) -> Person:
    path = study.root / "online" / "ar" / "people" / f"{code}.json"
    return Person.model_validate_json(path.read_bytes())


def test_lines_and_languages_of_the_start_page(study: Study, tmp_path: Path) -> None:
    assert run("online", "build", study.root, "--participants", 2)[0] == 0
    with serving(study) as served, opened("chromium", tmp_path / "profile", SIZE) as engine:
        player = Player(engine, least_s=0.22)
        engine.go(served.address)
        player.expect(*LABELS, *(english for english, _ in SAID.values()), "English", "العربية")
        assert chosen(engine)[:2] == ("en", "ltr")
        engine.click("nav button", 1)
        player.expect(*(other for _, other in SAID.values()), "English", "العربية")
        assert chosen(engine)[:2] == ("ar", "rtl")
        code = player.enter(f"{served.address}?lang=ar-EG")
        player.person = arabic(study, code)
        player.plans = plans(study, player.person, SIZE, "hands")
        player.expect("هل تشارك؟")
        player.play(lambda now: now["kind"] == "choice")
        engine.go(served.address)  # a reload keeps the language, whatever the browser prefers
        player.expect("البدء بملء الشاشة")
        assert engine.ask("() => document.querySelectorAll('nav button').length") == 0
        player.enter(served.address)
        player.play()
        assert chosen(engine)[:2] == ("ar", "rtl")
    assert "1 session written" in run("online", "fetch", study.root)[1]
    row = read_tsv(study.raw / "participants.tsv", "people", ["participant_id", "language"])
    assert row[["participant_id", "language"]].to_numpy().tolist() == [[f"sub-{code}", "ar"]]
    form = read_answers(study.raw, "form").set_index("question")
    assert form.loc["hand", ["answer", "text", "options"]].tolist() == [
        *("left", "Which hand do you write with?", '["left", "right", "both"]')
    ]
    consent = read_answers(study.raw, "consent").set_index("question")["answer"]
    assert consent["consent_language"] == "ar"
    assert check_bids(study.raw) == []
    assert run("validate", study.root)[0] == 0


def test_a_plain_host_keeps_the_language(study: Study, tmp_path: Path) -> None:
    assert run("online", "build", study.root, "--participants", 2, "--task", "odd-one-out")[0] == 0
    assert run("online", "static", study.root, "--out", tmp_path / "site")[0] == 0
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path / "site")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as host:
        Thread(target=host.serve_forever, daemon=True).start()
        with opened("chromium", tmp_path / "profile", SIZE) as engine:
            player = Player(engine)
            player.enter(f"http://127.0.0.1:{host.server_port}/?participant=w0002&lang=ar")
            player.expect("هل تشارك؟")
            player.play(lambda now: now["kind"] == "question" and now["open"])
            engine.click(".option", 1)
            player.play()
            text = engine.ask(
                "async () => (await fetch(document.querySelector('[download]').href)).text()"
            )
        host.shutdown()
    (tmp_path / "sent.ndjson").write_text(text, "utf-8")
    assert "1 session written" in run("online", "fetch", study.root, tmp_path / "sent.ndjson")[1]
    consent = read_answers(study.raw, "consent").set_index("question")["answer"]
    assert consent[["consent", "consent_language"]].tolist() == ["false", "ar"]
