-- Flat views for BI, the same text for Spark SQL and DuckDB. They use call_talk, recordings, and the views that `ser query`
-- registers: current_call_emotions and current_segment_emotions. These show each date by the promoted model, or, where it
-- has not published the date, by the model that published it last. In another engine, make them like this, with the
-- promoted model for emotions/1, and make the other one from segment_emotions:
--
--     CREATE OR REPLACE TEMPORARY VIEW current_call_emotions AS
--     SELECT rows_of_date.*
--     FROM call_emotions AS rows_of_date
--     JOIN dates ON dates.call_date = rows_of_date.call_date
--     WHERE rows_of_date.model_version =
--         CASE WHEN array_contains(dates.models, 'emotions/1') THEN 'emotions/1' ELSE dates.model_version END
--
-- No comment holds a semicolon: split the text at semicolons and run the parts one by one where an engine takes one
-- statement at a time (Spark).

-- Emotions are the customer's. No view here has an agent's identity beside an emotion, and none should be added:
-- ranking or judging employees by inferred emotion is prohibited in the EU (AI Act, Regulation (EU) 2024/1689,
-- art. 5(1)(f)), and a customer's mood is no measure of the agent who took the call.

-- A queue's day. share_calls_<emotion>: share of calls whose dominant emotion it is, share_undecided: of calls in which no
-- segment reached scoring.min_confidence. Valence, arousal and familiarity are weighted by speech time. Where familiarity
-- is low the voices lie far from those of training: read arousal there, and no shares of emotions.
CREATE OR REPLACE TEMPORARY VIEW daily_emotion_by_queue AS
SELECT
    call_date,
    COALESCE(queue, 'unknown') AS queue,
    COUNT(*) AS calls,
    SUM(speech_s) / 3600.0 AS speech_h,
    AVG(CASE WHEN dominant_emotion = 'neutral' THEN 1.0 ELSE 0.0 END) AS share_calls_neutral,
    AVG(CASE WHEN dominant_emotion = 'calm' THEN 1.0 ELSE 0.0 END) AS share_calls_calm,
    AVG(CASE WHEN dominant_emotion = 'happy' THEN 1.0 ELSE 0.0 END) AS share_calls_happy,
    AVG(CASE WHEN dominant_emotion = 'sad' THEN 1.0 ELSE 0.0 END) AS share_calls_sad,
    AVG(CASE WHEN dominant_emotion = 'angry' THEN 1.0 ELSE 0.0 END) AS share_calls_angry,
    AVG(CASE WHEN dominant_emotion = 'fearful' THEN 1.0 ELSE 0.0 END) AS share_calls_fearful,
    AVG(CASE WHEN dominant_emotion = 'disgust' THEN 1.0 ELSE 0.0 END) AS share_calls_disgust,
    AVG(CASE WHEN dominant_emotion = 'surprised' THEN 1.0 ELSE 0.0 END) AS share_calls_surprised,
    AVG(CASE WHEN dominant_emotion = 'bored' THEN 1.0 ELSE 0.0 END) AS share_calls_bored,
    AVG(CASE WHEN dominant_emotion = 'distressed' THEN 1.0 ELSE 0.0 END) AS share_calls_distressed,
    AVG(CASE WHEN dominant_emotion IS NULL THEN 1.0 ELSE 0.0 END) AS share_undecided,
    SUM(valence * speech_s) / NULLIF(SUM(CASE WHEN valence IS NOT NULL THEN speech_s END), 0.0) AS mean_valence,
    SUM(arousal * speech_s) / NULLIF(SUM(CASE WHEN arousal IS NOT NULL THEN speech_s END), 0.0) AS mean_arousal,
    SUM(familiarity * speech_s) / NULLIF(SUM(CASE WHEN familiarity IS NOT NULL THEN speech_s END), 0.0) AS mean_familiarity,
    AVG(CASE WHEN escalated THEN 1.0 ELSE 0.0 END) AS share_escalated,
    AVG(CASE WHEN recovered THEN 1.0 ELSE 0.0 END) AS share_recovered
FROM current_call_emotions
WHERE role <> 'agent'
GROUP BY call_date, COALESCE(queue, 'unknown');

-- Calls in the order in which a supervisor would want to hear them, ranked within a day: escalated ones first, then by
-- the longest negative stretch, then by valence. worst_at_s: where the segment of lowest valence begins, uri: what to play.
CREATE OR REPLACE TEMPORARY VIEW worst_calls AS
SELECT
    calls.call_date,
    ROW_NUMBER() OVER (
        PARTITION BY calls.call_date
        ORDER BY
            CASE WHEN calls.escalated THEN 0 ELSE 1 END,
            calls.longest_negative_s DESC NULLS LAST,
            calls.valence ASC NULLS LAST,
            calls.call_id,
            calls.role
    ) AS place,
    calls.call_id,
    calls.role,
    COALESCE(calls.queue, 'unknown') AS queue,
    calls.dominant_emotion,
    calls.confidence,
    calls.familiarity,
    calls.valence,
    calls.valence_change,
    calls.longest_negative_s,
    calls.escalated,
    calls.recovered,
    calls.speech_s,
    moments.worst_at_s,
    objects.uri
FROM current_call_emotions AS calls
LEFT JOIN (
    SELECT call_id, call_date, role, MIN_BY(start_s, valence) AS worst_at_s
    FROM current_segment_emotions
    GROUP BY call_id, call_date, role
) AS moments
    ON moments.call_id = calls.call_id AND moments.call_date = calls.call_date AND moments.role = calls.role
LEFT JOIN (
    SELECT call_id, call_date, MIN(uri) AS uri
    FROM recordings
    WHERE duplicate_of IS NULL AND gone_at IS NULL
    GROUP BY call_id, call_date
) AS objects
    ON objects.call_id = calls.call_id AND objects.call_date = calls.call_date
WHERE calls.role <> 'agent';

-- Who talked and for how long on a queue's day, of no model.
CREATE OR REPLACE TEMPORARY VIEW daily_talk_by_queue AS
SELECT
    call_date,
    COALESCE(queue, 'unknown') AS queue,
    COUNT(*) AS calls,
    SUM(duration_s) / 3600.0 AS duration_h,
    SUM(customer_talk_s) / NULLIF(SUM(duration_s), 0.0) AS share_customer_talk,
    SUM(agent_talk_s) / NULLIF(SUM(duration_s), 0.0) AS share_agent_talk,
    SUM(silence_s) / NULLIF(SUM(duration_s), 0.0) AS share_silence,
    SUM(crosstalk_s) / NULLIF(SUM(duration_s), 0.0) AS share_crosstalk
FROM call_talk
GROUP BY call_date, COALESCE(queue, 'unknown');
