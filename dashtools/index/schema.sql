-- The index: everything in it is derived from the spool and may be deleted at any time.
-- `record` is the 63-bit hash of the final record's name that a row came from; rows are dropped by it.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;

CREATE TABLE counts (what TEXT, kind TEXT, number INTEGER, PRIMARY KEY (what, kind)) WITHOUT ROWID;

CREATE TABLE leaves (path TEXT PRIMARY KEY, mtime_ns INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE tasks (
    path TEXT PRIMARY KEY,
    record INTEGER,
    task_id TEXT NOT NULL,
    task_type TEXT NOT NULL,
    video_id TEXT,
    clip TEXT,
    state TEXT NOT NULL,
    condition TEXT NOT NULL,
    is_shown INTEGER NOT NULL DEFAULT 0,
    priority INTEGER,
    attempt INTEGER,
    failures INTEGER,
    created_at TEXT,
    completed_at TEXT,
    not_before TEXT,
    worker TEXT,
    requirement TEXT,
    parent_id TEXT,
    parent_generation INTEGER,
    generation INTEGER,
    seconds REAL,
    error_class TEXT,
    error_message TEXT,
    reason TEXT
);
CREATE INDEX tasks_task_id ON tasks(task_id);
CREATE INDEX tasks_parent_id ON tasks(parent_id);
CREATE INDEX tasks_video_id ON tasks(video_id);
CREATE INDEX tasks_condition ON tasks(condition, task_type, created_at);
CREATE INDEX tasks_completed_at ON tasks(completed_at);
CREATE INDEX tasks_failed ON tasks(task_type, error_class, reason, completed_at) WHERE condition = 'failed';

CREATE TABLE artifacts (
    artifact_id TEXT, video_id TEXT, task_id TEXT, task_type TEXT, type TEXT,
    storage TEXT, path TEXT, sha256 TEXT, size_bytes INTEGER, record INTEGER
);
CREATE INDEX artifacts_artifact_id ON artifacts(artifact_id);
CREATE INDEX artifacts_video_id ON artifacts(video_id, type);
CREATE INDEX artifacts_record ON artifacts(record);

CREATE TABLE devices (name TEXT PRIMARY KEY, kind TEXT NOT NULL, content TEXT NOT NULL);

CREATE TABLE videos (
    video_id TEXT, clip TEXT, storage TEXT, path TEXT, sha256 TEXT, size_bytes INTEGER,
    duration_ms INTEGER, frame_count INTEGER, frame_rate REAL, width INTEGER, height INTEGER, codec TEXT,
    camera TEXT, channel TEXT, is_event INTEGER, is_parking INTEGER, is_locked INTEGER,
    recorded_at TEXT, recorded_at_method TEXT, utc_offset_min INTEGER,
    gps_reader TEXT, gps_note TEXT, fix_count INTEGER, damage TEXT, damaged_frames INTEGER,
    trip_id TEXT, distance_m REAL, record INTEGER
);
CREATE INDEX videos_video_id ON videos(video_id);
CREATE INDEX videos_camera ON videos(camera, recorded_at);
CREATE INDEX videos_trip_id ON videos(trip_id, recorded_at);
CREATE INDEX videos_recorded_at ON videos(recorded_at);
CREATE INDEX videos_record ON videos(record);

CREATE TABLE fixes (
    video_id TEXT, slot INTEGER, t_ms INTEGER, utc TEXT, is_valid INTEGER, latitude REAL, longitude REAL,
    speed_mps REAL, bearing_deg REAL, altitude_m REAL, record INTEGER
);
CREATE INDEX fixes_video_id ON fixes(video_id, t_ms);
CREATE INDEX fixes_record ON fixes(record);

CREATE TABLE filtering (
    video_id TEXT, frames_total INTEGER, frames_kept INTEGER, proposals INTEGER, dropped TEXT,
    corrupt_frames INTEGER, decode_errors INTEGER, lost_frames INTEGER, record INTEGER
);
CREATE INDEX filtering_video_id ON filtering(video_id);
CREATE INDEX filtering_record ON filtering(record);

CREATE TABLE tracks (
    track_id TEXT, video_id TEXT, sighting_id TEXT, status TEXT, reason TEXT, text TEXT, confidence REAL,
    read_count INTEGER, first_pts_ms INTEGER, last_pts_ms INTEGER, first_frame INTEGER, last_frame INTEGER,
    record INTEGER
);
CREATE INDEX tracks_track_id ON tracks(track_id);
CREATE INDEX tracks_video_id ON tracks(video_id);
CREATE INDEX tracks_record ON tracks(record);

CREATE TABLE sightings (
    sighting_id TEXT, video_id TEXT, clip TEXT, plate TEXT, confidence REAL, read_count INTEGER,
    first_pts_ms INTEGER, last_pts_ms INTEGER, best_pts_ms INTEGER,
    first_frame INTEGER, last_frame INTEGER, best_frame INTEGER,
    latitude REAL, longitude REAL, bearing_deg REAL, speed_mps REAL, position_note TEXT, why TEXT,
    crop_path TEXT, seen_at TEXT, folded TEXT, read_as TEXT, cell INTEGER, record INTEGER
);
CREATE INDEX sightings_sighting_id ON sightings(sighting_id);
CREATE INDEX sightings_video_id ON sightings(video_id, first_pts_ms);
CREATE INDEX sightings_plate ON sightings(plate, seen_at);
CREATE INDEX sightings_seen_at ON sightings(seen_at);
CREATE INDEX sightings_cell ON sightings(cell, seen_at);
CREATE INDEX sightings_record ON sightings(record);

CREATE TABLE reads (
    track_id TEXT, sighting_id TEXT, frame_index INTEGER, pts_ms INTEGER,
    x1 REAL, y1 REAL, x2 REAL, y2 REAL, score REAL, text TEXT, confidence REAL, record INTEGER
);
CREATE INDEX reads_track_id ON reads(track_id, pts_ms);
CREATE INDEX reads_record ON reads(record);

CREATE TABLE crops (sighting_id TEXT, path TEXT, record INTEGER);
CREATE INDEX crops_sighting_id ON crops(sighting_id);
CREATE INDEX crops_record ON crops(record);

CREATE TABLE lowres (video_id TEXT, path TEXT, height INTEGER, record INTEGER);
CREATE INDEX lowres_video_id ON lowres(video_id);
CREATE INDEX lowres_record ON lowres(record);

-- what people said (spool notes/said); `is_current`: it holds now
CREATE TABLE notes (
    note_id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, value TEXT, said_at TEXT, said_by TEXT,
    said_of TEXT, is_current INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX notes_subject ON notes(subject, kind, is_current);

-- what retention removed for good (spool notes/removed)
CREATE TABLE removed (
    shelf TEXT NOT NULL, policy TEXT, video_id TEXT, storage TEXT, path TEXT, size_bytes INTEGER, removed_at TEXT,
    reason TEXT
);
CREATE INDEX removed_video_id ON removed(video_id);
CREATE INDEX removed_shelf ON removed(shelf);

CREATE TABLE trips (
    trip_id TEXT PRIMARY KEY, label TEXT, camera TEXT, started_at TEXT, ended_at TEXT, duration_ms INTEGER,
    clips INTEGER, sightings INTEGER, plates INTEGER, distance_m REAL
);
CREATE INDEX trips_started_at ON trips(started_at);
CREATE INDEX trips_camera ON trips(camera, started_at);

CREATE TABLE plates (
    plate_no INTEGER PRIMARY KEY, plate TEXT NOT NULL UNIQUE, folded TEXT, sightings INTEGER, videos INTEGER,
    first_seen TEXT, last_seen TEXT, best_sighting_id TEXT, best_confidence REAL, days INTEGER
);
CREATE INDEX plates_days ON plates(days);
CREATE INDEX plates_folded ON plates(folded, plate);
CREATE INDEX plates_last_seen ON plates(last_seen DESC, plate);
-- two of the four parts of a plate: near.py looks plates up by them that are an edit or two away
CREATE INDEX plates_parts_01 ON plates(length(folded),
    substr(folded, 1 + length(folded) * 0 / 4, length(folded) * 1 / 4 - length(folded) * 0 / 4) ||
    substr(folded, 1 + length(folded) * 1 / 4, length(folded) * 2 / 4 - length(folded) * 1 / 4), folded);
CREATE INDEX plates_parts_02 ON plates(length(folded),
    substr(folded, 1 + length(folded) * 0 / 4, length(folded) * 1 / 4 - length(folded) * 0 / 4) ||
    substr(folded, 1 + length(folded) * 2 / 4, length(folded) * 3 / 4 - length(folded) * 2 / 4), folded);
CREATE INDEX plates_parts_03 ON plates(length(folded),
    substr(folded, 1 + length(folded) * 0 / 4, length(folded) * 1 / 4 - length(folded) * 0 / 4) ||
    substr(folded, 1 + length(folded) * 3 / 4, length(folded) * 4 / 4 - length(folded) * 3 / 4), folded);
CREATE INDEX plates_parts_12 ON plates(length(folded),
    substr(folded, 1 + length(folded) * 1 / 4, length(folded) * 2 / 4 - length(folded) * 1 / 4) ||
    substr(folded, 1 + length(folded) * 2 / 4, length(folded) * 3 / 4 - length(folded) * 2 / 4), folded);
CREATE INDEX plates_parts_13 ON plates(length(folded),
    substr(folded, 1 + length(folded) * 1 / 4, length(folded) * 2 / 4 - length(folded) * 1 / 4) ||
    substr(folded, 1 + length(folded) * 3 / 4, length(folded) * 4 / 4 - length(folded) * 3 / 4), folded);
CREATE INDEX plates_parts_23 ON plates(length(folded),
    substr(folded, 1 + length(folded) * 2 / 4, length(folded) * 3 / 4 - length(folded) * 2 / 4) ||
    substr(folded, 1 + length(folded) * 3 / 4, length(folded) * 4 / 4 - length(folded) * 3 / 4), folded);

CREATE VIRTUAL TABLE plates_fts USING fts5(plate, folded, content="plates", content_rowid="plate_no", tokenize="unicode61");
CREATE VIRTUAL TABLE plates_trigram USING fts5(plate, folded, content="plates", content_rowid="plate_no", tokenize="trigram");

CREATE TRIGGER plates_added AFTER INSERT ON plates BEGIN
    INSERT INTO plates_fts(rowid, plate, folded) VALUES (new.plate_no, new.plate, new.folded);
    INSERT INTO plates_trigram(rowid, plate, folded) VALUES (new.plate_no, new.plate, new.folded);
END;
CREATE TRIGGER plates_gone AFTER DELETE ON plates BEGIN
    INSERT INTO plates_fts(plates_fts, rowid, plate, folded) VALUES ('delete', old.plate_no, old.plate, old.folded);
    INSERT INTO plates_trigram(plates_trigram, rowid, plate, folded)
        VALUES ('delete', old.plate_no, old.plate, old.folded);
END;
