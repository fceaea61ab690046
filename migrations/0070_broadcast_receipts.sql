-- How often a broadcast was delivered and read, kept: a broadcast has two statuses for each recipient, and counting them for a page
-- of messages cost half a second at 100,000. A direct message has four statuses at most, which are cheaper to count when they are
-- asked for than to keep: so it has no row here, and its receipts cost projectors nothing more.
CREATE TABLE broadcast_receipts (
    message_id      varchar(255) PRIMARY KEY,
    delivered_count bigint       NOT NULL,
    read_count      bigint       NOT NULL,
    last_status     varchar(50)  NOT NULL,
    last_user_id    varchar(100) NOT NULL,
    last_at         timestamptz  NOT NULL,
    last_status_id  bigint       NOT NULL
) WITH (fillfactor = 50);  -- a row changes with every batch that holds one of its receipts: room for HOT updates

COMMENT ON TABLE  broadcast_receipts                 IS 'One row per broadcast with a receipt: how many delivered and read statuses message_status holds, and the furthest one. Written by the projection chat.';
COMMENT ON COLUMN broadcast_receipts.message_id      IS 'Of chat_messages, with receiver_id all.';
COMMENT ON COLUMN broadcast_receipts.delivered_count IS 'How many recipients said that it was delivered.';
COMMENT ON COLUMN broadcast_receipts.read_count      IS 'How many recipients read it.';
COMMENT ON COLUMN broadcast_receipts.last_status     IS 'read if anybody has read it, else delivered.';
COMMENT ON COLUMN broadcast_receipts.last_user_id    IS 'Who brought it there last.';
COMMENT ON COLUMN broadcast_receipts.last_at         IS 'When: the timestamp of that status.';
COMMENT ON COLUMN broadcast_receipts.last_status_id  IS 'message_status.id of that status.';

GRANT SELECT, INSERT, UPDATE, DELETE ON broadcast_receipts TO hermes_projector;
GRANT SELECT ON broadcast_receipts TO hermes_reader;

-- What the log has brought so far: the checkpoints of chat are past it. The same rows as a rebuild makes (projections/chat.cc). No
-- projector may write a receipt between the count and the commit.
LOCK TABLE message_status IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO broadcast_receipts (message_id, delivered_count, read_count, last_status, last_user_id, last_at, last_status_id)
SELECT counted.message_id, delivered, read, status, user_id, "timestamp", id
FROM (SELECT s.message_id,
             count(*) FILTER (WHERE s.status = 'delivered')                 AS delivered,
             count(*) FILTER (WHERE s.status = 'read')                      AS read,
             max(ARRAY[CASE s.status WHEN 'read' THEN 1 ELSE 0 END, s.id]) AS furthest
      FROM message_status s
      JOIN chat_messages m ON m.message_id = s.message_id
      WHERE m.receiver_id = 'all' AND s.status IN ('delivered', 'read')
      GROUP BY s.message_id) counted
JOIN message_status ON id = furthest[2];
