// A trip as one player: the next clip starts where one ends, the other views follow the first, the map shows the place.
"use strict";
(function () {
  const section = document.getElementById("trip");
  if (!section) return;
  const videos = Array.from(section.querySelectorAll("video"));
  const overlay = document.getElementById("overlay"), clock = document.getElementById("clock");
  const lanes = videos.map((video) => ({
    video, now: -1,
    pieces: Array.from(document.querySelectorAll(`#clips tr[data-lane="${video.dataset.lane}"][data-src]`), (row) => ({
      row, src: row.dataset.src, startMs: Number(row.dataset.startMs), endMs: Number(row.dataset.endMs),
    })),
  }));
  const leader = lanes[0], followers = lanes.slice(1);
  const DRIFT_S = 0.25;
  let points = [];
  window.dashTrack.read(section.dataset.track).then((found) => { points = found; tick(); });

  function timeMs() { return leader.now < 0 ? 0 : leader.pieces[leader.now].startMs + leader.video.currentTime * 1000; }

  function load(lane, index, seconds) {
    const piece = lane.pieces[index];
    if (lane.now !== index) {
      lane.now = index;
      lane.video.src = piece.src;
      if (seconds) lane.video.addEventListener("loadedmetadata", () => { lane.video.currentTime = seconds; }, { once: true });
    } else if (Math.abs(lane.video.currentTime - seconds) > 0.05) lane.video.currentTime = seconds;
    if (lane === leader) for (const other of lane.pieces) other.row.classList.toggle("now", other === piece);
  }

  function play(index, { seconds = 0, isPlaying = true } = {}) {
    if (index < 0 || index >= leader.pieces.length) return;
    load(leader, index, seconds);
    if (isPlaying) leader.video.play().catch((error) => { if (error.name !== "AbortError") throw error; });
    follow(true);
  }

  // the piece of each other view that runs now, at the same moment; paused where there is none
  function follow(isJump) {
    const ms = timeMs();
    for (const lane of followers) {
      const index = lane.pieces.findIndex((piece) => piece.startMs <= ms + 500 && ms < piece.endMs);
      lane.video.classList.toggle("absent", index < 0);
      if (index < 0) { lane.video.pause(); continue; }
      const seconds = Math.max(0, (ms - lane.pieces[index].startMs) / 1000);
      if (lane.now !== index) load(lane, index, seconds);
      else if (isJump || Math.abs(lane.video.currentTime - seconds) > DRIFT_S) lane.video.currentTime = seconds;
      if (leader.video.paused) lane.video.pause();
      else if (lane.video.paused) lane.video.play().catch((error) => { if (error.name !== "AbortError") throw error; });
    }
  }

  function tick() {
    const ms = timeMs(), seconds = Math.floor(ms / 1000);
    clock.textContent = `clip ${leader.now + 1} of ${leader.pieces.length}, ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} into the trip`;
    window.dashTrack.show(points, ms, overlay);
  }

  leader.video.addEventListener("ended", () => play(leader.now + 1));
  for (const name of ["timeupdate", "seeked", "loadeddata"]) leader.video.addEventListener(name, () => { tick(); follow(name === "seeked"); });
  for (const name of ["play", "pause"]) leader.video.addEventListener(name, () => follow(false));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.skip) play(leader.now + Number(button.dataset.skip), { isPlaying: !leader.video.paused });
    if (button.dataset.play === undefined) return;
    const row = button.closest("tr"), startMs = Number(row.dataset.startMs);
    const own = leader.pieces.findIndex((piece) => piece.row === row);
    const index = own >= 0 ? own : leader.pieces.findIndex((piece) => piece.startMs <= startMs + 500 && startMs < piece.endMs);
    play(index < 0 ? 0 : index);
    section.scrollIntoView({ block: "nearest" });
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, textarea, select, dialog, figure, video, button, a, summary")) return;
    const video = leader.video;
    if (event.key === "ArrowLeft") video.currentTime = Math.max(0, video.currentTime - 5);
    if (event.key === "ArrowRight") video.currentTime += 5;
    if (event.key === " ") { event.preventDefault(); if (video.paused) video.play(); else video.pause(); }
  });
  if (leader.pieces.length) play(0, { isPlaying: false });
})();
