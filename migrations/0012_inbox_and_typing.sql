-- Two more read models (docs/projections.md). Both are fed from all partitions at once, so what an event does to a row does not
-- depend on the order in which the partitions are folded.

CREATE TABLE inbox (
    user_id          varchar(100) NOT NULL,
    peer_id          varchar(100) NOT NULL,
    unread_count     integer      NOT NULL,
    last_message_id  varchar(255) NOT NULL,
    last_sender_id   varchar(100) NOT NULL,
    last_content     text         NOT NULL,
    last_message_at  timestamptz  NOT NULL,
    last_activity_at timestamptz  NOT NULL,
    last_partition   smallint     NOT NULL,
    last_offset      bigint       NOT NULL,
    PRIMARY KEY (user_id, peer_id)
) WITH (fillfactor = 70);  -- rows change often, and no index covers what changes: room for HOT updates

COMMENT ON TABLE  inbox                  IS 'Per user and peer: the last message, how many are unread, the last activity.';
COMMENT ON COLUMN inbox.peer_id          IS 'The other user, or all for broadcasts that the user sent.';
COMMENT ON COLUMN inbox.unread_count     IS 'Direct messages from the peer that the user has not read.';
COMMENT ON COLUMN inbox.last_message_id  IS 'The newest message in either direction.';
COMMENT ON COLUMN inbox.last_content     IS 'The first 200 characters of the last message.';
COMMENT ON COLUMN inbox.last_activity_at IS 'When the newest message or read receipt of the two was recorded.';
COMMENT ON COLUMN inbox.last_partition   IS 'With last_offset: where the last message is in the log; settles which of two recorded at once is the last.';

CREATE TABLE typing_indicators (
    sender_id   varchar(100) NOT NULL,
    receiver_id varchar(100) NOT NULL,
    sender_name varchar(100) NOT NULL,
    started_at  timestamptz  NOT NULL,
    PRIMARY KEY (sender_id, receiver_id)
) WITH (fillfactor = 70);

COMMENT ON TABLE typing_indicators IS 'Who started to type to whom and has not stopped. Clients vanish without a word: read typing_now.';

-- A client that dies while its user types never says stop. The rows stay as the log has them; the reader's clock ages them out here.
CREATE VIEW typing_now AS
SELECT sender_id, sender_name, receiver_id, started_at
FROM typing_indicators
WHERE started_at > now() - interval '30 seconds';

COMMENT ON VIEW typing_now IS 'Who is typing to whom: started within 30 seconds and not stopped.';

GRANT SELECT, INSERT, UPDATE, DELETE ON inbox, typing_indicators TO hermes_projector;
GRANT SELECT ON inbox, typing_indicators, typing_now TO hermes_reader, hermes_projector;
