// Brings the clip to the sighting's second, seeks from the table of reads, and draws each read's box over the picture.
"use strict";
(function () {
  const video = document.getElementById("clip");
  if (!video) return;
  const startS = Number(video.dataset.startMs || 0) / 1000;
  const nearMs = 130;
  const boxes = document.getElementById("boxes");
  const clock = document.getElementById("clock");
  const player = video.parentElement;
  const frameS = 1 / Number(player.dataset.frameRate || 30);
  const rows = Array.from(document.querySelectorAll("#reads tr[data-pts-ms]")).map((row) => ({
    row, ptsMs: Number(row.dataset.ptsMs), box: row.dataset.box.split(" ").map(Number),
  }));

  const overlay = document.getElementById("overlay");
  let points = [];
  window.dashTrack.read(player.dataset.track).then((found) => { points = found; show(video.currentTime); });

  function seek(seconds) { video.currentTime = Math.max(0, seconds); }
  function atStart() { if (Math.abs(video.currentTime - startS) > 0.05) seek(startS); }
  if (video.readyState >= 1) atStart(); else video.addEventListener("loadedmetadata", atStart, { once: true });

  function place() {
    // the picture inside the player's frame: object-fit contain leaves bars
    const scale = Math.min(player.clientWidth / video.videoWidth, player.clientHeight / video.videoHeight);
    const width = video.videoWidth * scale, height = video.videoHeight * scale;
    boxes.setAttribute("viewBox", `0 0 ${player.dataset.width || video.videoWidth} ${player.dataset.height || video.videoHeight}`);
    boxes.setAttribute("width", width); boxes.setAttribute("height", height);
    boxes.style.left = `${(player.clientWidth - width) / 2}px`; boxes.style.top = `${(player.clientHeight - height) / 2}px`;
  }

  function show(seconds) {
    if (clock) clock.textContent = `${seconds.toFixed(2)} s`;
    window.dashTrack.show(points, seconds * 1000, overlay);
    if (!rows.length || !video.videoWidth) return;
    place();
    const ms = seconds * 1000;
    let best = null;
    for (const read of rows) if (!best || Math.abs(read.ptsMs - ms) < Math.abs(best.ptsMs - ms)) best = read;
    const isNear = Math.abs(best.ptsMs - ms) <= nearMs;
    boxes.replaceChildren();
    for (const read of rows) read.row.classList.toggle("now", isNear && read === best);
    if (!isNear) return;
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const [x1, y1, x2, y2] = best.box;
    rect.setAttribute("x", x1 - 4); rect.setAttribute("y", y1 - 4);
    rect.setAttribute("width", x2 - x1 + 8); rect.setAttribute("height", y2 - y1 + 8);
    boxes.append(rect);
  }

  function follow() {
    if ("requestVideoFrameCallback" in HTMLVideoElement.prototype) {
      const next = (now, frame) => { show(frame.mediaTime); video.requestVideoFrameCallback(next); };
      video.requestVideoFrameCallback(next);
    } else {
      video.addEventListener("timeupdate", () => show(video.currentTime));
    }
  }
  video.addEventListener("loadeddata", () => show(video.currentTime));
  window.addEventListener("resize", () => show(video.currentTime));
  follow();

  function step(direction) { video.pause(); seek(video.currentTime + direction * frameS); }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.seekMs !== undefined) {
      video.pause();
      seek(Number(button.dataset.seekMs) / 1000);
      video.scrollIntoView({ block: "nearest" });
    } else if (button.dataset.step) step(Number(button.dataset.step));
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, textarea, select, button, a, summary, figure, dialog, video")) {
      if (event.key !== "," && event.key !== ".") return;
      if (event.target.closest("input, textarea, select")) return;
    }
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === ",") step(-1);
    if (event.key === ".") step(1);
    if (event.key === "ArrowLeft") seek(video.currentTime - 5);
    if (event.key === "ArrowRight") seek(video.currentTime + 5);
    if (event.key === " ") { event.preventDefault(); if (video.paused) video.play(); else video.pause(); }
  });
})();
