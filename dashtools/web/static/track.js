// Where the camera was at each moment of a clip or trip, read once; speed and place over the picture, a dot on the map.
"use strict";
window.dashTrack = (function () {
  const COMPASS = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"];
  const LONGEST_GAP_MS = 5000;

  async function read(url) {
    try {
      const answer = await fetch(url);
      return answer.ok ? (await answer.json()).points : [];
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // away for now: the video plays without it
      return [];
    }
  }

  // the last point at or before a time, by halving
  function before(points, ms) {
    let low = 0, high = points.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (points[middle][0] <= ms) low = middle + 1; else high = middle;
    }
    return low - 1;
  }

  function at(points, ms) {
    const index = before(points, ms), a = points[index], b = points[index + 1];
    if (!a) return b && b[0] - ms <= 1500 ? b : null;
    if (!b) return ms - a[0] <= 1500 ? a : null;
    if (b[0] - a[0] > LONGEST_GAP_MS) return null;
    const share = (ms - a[0]) / (b[0] - a[0] || 1), mix = (k) => a[k] === null || b[k] === null ? a[k] : a[k] + (b[k] - a[k]) * share;
    return [ms, mix(1), mix(2), mix(3), a[4]];
  }

  function say(point) {
    if (!point) return "no position";
    const [, latitude, longitude, speed, bearing] = point, words = [];
    if (speed !== null) words.push(`${Math.round(speed * 3.6)} km/h`);
    if (bearing !== null) words.push(COMPASS[Math.round(bearing / 45) % 8]);
    words.push(`${Math.abs(latitude).toFixed(5)}° ${latitude >= 0 ? "N" : "S"} ${Math.abs(longitude).toFixed(5)}° ${longitude >= 0 ? "E" : "W"}`);
    return words.join(" · ");
  }

  function show(points, ms, overlay) {
    if (!points.length) return;
    const point = at(points, ms);
    if (overlay) { overlay.hidden = false; overlay.textContent = say(point); }
    if (point && window.dashMaps) window.dashMaps.show(point[1], point[2]);
  }
  return { read, show };
})();
