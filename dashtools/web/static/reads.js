// Cuts each read's box out of the clip, in this browser, one after the other, so that every vote can be looked at.
"use strict";
(function () {
  const button = document.getElementById("cut"), player = document.querySelector(".player");
  if (!button || !player) return;
  const said = document.getElementById("cut-said");
  const rows = Array.from(document.querySelectorAll("#reads tbody tr"));
  const MARGIN = 0.15, WIDTH = 160, HEIGHT = 56;

  function once(target, name) {
    return new Promise((resolve, reject) => {
      target.addEventListener(name, resolve, { once: true });
      target.addEventListener("error", () => reject(new Error("the clip cannot be read")), { once: true });
    });
  }

  function cut(video, row) {
    const own = Number(player.dataset.width) || video.videoWidth, scale = video.videoWidth / own;
    const [x1, y1, x2, y2] = row.dataset.box.split(" ").map((value) => Number(value) * scale);
    const wide = (x2 - x1) * (1 + 2 * MARGIN), high = (y2 - y1) * (1 + 2 * MARGIN);
    const canvas = document.createElement("canvas");
    canvas.width = WIDTH; canvas.height = HEIGHT;
    const fit = Math.min(WIDTH / wide, HEIGHT / high);
    canvas.getContext("2d").drawImage(
      video, x1 - (x2 - x1) * MARGIN, y1 - (y2 - y1) * MARGIN, wide, high,
      (WIDTH - wide * fit) / 2, (HEIGHT - high * fit) / 2, wide * fit, high * fit);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `what was read at ${(Number(row.dataset.ptsMs) / 1000).toFixed(1)} s`);
    row.querySelector(".cut").replaceChildren(canvas);
  }

  button.addEventListener("click", async () => {
    button.disabled = true;
    for (const cell of document.querySelectorAll("#reads .cut")) cell.hidden = false;
    const video = document.createElement("video");
    video.muted = true; video.preload = "auto";
    video.src = document.getElementById("clip").currentSrc.split("#")[0];
    try {
      await once(video, "loadeddata");
      for (const [index, row] of rows.entries()) {
        const seconds = Number(row.dataset.ptsMs) / 1000 + 0.001;
        if (Math.abs(video.currentTime - seconds) > 0.0005) { video.currentTime = seconds; await once(video, "seeked"); }
        cut(video, row);
        said.textContent = `${index + 1} of ${rows.length}`;
      }
      said.textContent = "cut from the copy that plays above; the reader saw the original";
    } catch (error) {
      said.textContent = error.message;
    }
  });
})();
