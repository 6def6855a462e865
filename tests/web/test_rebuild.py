"""The index is rebuilt and refreshed while pages are read: no error, and never a part of a state."""

from __future__ import annotations

import re
import threading

from dashtools.index.refresh import rebuild, refresh

PAGES = ("/", "/plate/AB12CDE", "/video/one-0a1b2c3d", "/search?q=AB12CDE", "/trips", "/queue", "/dash/sightings.json")
ROUNDS = 4


def test_pages_show_whole_states_while_the_index_is_made_anew(site):
    library, problems = site.library, []

    def keep_writing() -> None:
        try:
            writer = type(library)(library.root, library.db)
            for number in range(ROUNDS):
                writer.add(f"later{number}.mp4", plates=["KK11KKK", "LL22LLL"], recorded_at="2025-01-01T00:00:00Z")
                writer.work()
                rebuild(library.root, library.db)
                refresh(library.root, library.db)
        except BaseException as error:
            problems.append(error)
            raise

    thread = threading.Thread(target=keep_writing)
    thread.start()
    seen, answers = set(), []
    try:
        while thread.is_alive():
            for path in PAGES:
                answer = site.get(path)
                answers.append((path, answer.status_code))
            home = site.get("/").text
            seen.add(len(set(re.findall(r'href="/sighting/([^"]+)"', home))))
    finally:
        thread.join()
    assert problems == []
    assert {answer for answer in answers if answer[1] != 200} == set()
    assert seen <= {3 + 2 * number for number in range(ROUNDS + 1)}
    assert len(set(re.findall(r'href="/sighting/([^"]+)"', site.get("/").text))) == 3 + 2 * ROUNDS
