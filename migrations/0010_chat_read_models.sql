-- The tables that people query: one row per message, one row per thing that happened to it. Projectors alone write them, and every
-- value comes from the log: throw them away and `hermes rebuild chat` makes the same rows again (docs/projections.md).

CREATE TABLE chat_messages (
    id           uuid         PRIMARY KEY DEFAULT gen_random_uuid(),
    message_id   varchar(255) NOT NULL UNIQUE,
    sender_id    varchar(100) NOT NULL,
    sender_name  varchar(100) NOT NULL,
    receiver_id  varchar(100) NOT NULL,
    content      text         NOT NULL,
    message_type varchar(50)  DEFAULT 'text',
    created_at   timestamptz  NOT NULL DEFAULT now(),
    updated_at   timestamptz  NOT NULL DEFAULT now()
);

COMMENT ON TABLE  chat_messages             IS 'One row per message, written by the projection chat from the event log.';
COMMENT ON COLUMN chat_messages.id          IS 'UUID version 5 of message_id: the same in every rebuild.';
COMMENT ON COLUMN chat_messages.message_id  IS 'The id that the sender chose.';
COMMENT ON COLUMN chat_messages.receiver_id IS 'A user id, or all for everyone.';
COMMENT ON COLUMN chat_messages.created_at  IS 'When the message was recorded in the log, by the clock of the database.';
COMMENT ON COLUMN chat_messages.updated_at  IS 'Equal to created_at: a message never changes, what happens to it is in message_status.';

-- Newest messages. Ascending, so that new entries go to the rightmost page; PostgreSQL reads it backwards just as fast.
CREATE INDEX chat_messages_newest ON chat_messages (created_at);
-- Messages between two users: one range per direction.
CREATE INDEX chat_messages_between ON chat_messages (sender_id, receiver_id, created_at);

CREATE TABLE message_status (
    id          bigint       PRIMARY KEY,
    message_id  varchar(255) NOT NULL REFERENCES chat_messages (message_id) ON DELETE CASCADE,
    status      varchar(50)  NOT NULL,
    "timestamp" timestamptz  NOT NULL DEFAULT now(),
    user_id     varchar(100) NOT NULL
);

COMMENT ON TABLE  message_status             IS 'One row per thing that happened to a message: sent, received_by_server, delivered, read.';
COMMENT ON COLUMN message_status.id          IS 'offset * partition count + partition of the event in the log: the same in every rebuild.';
COMMENT ON COLUMN message_status.status      IS 'sent, received_by_server, delivered or read.';
COMMENT ON COLUMN message_status."timestamp" IS 'When the event was recorded in the log, by the clock of the database.';
COMMENT ON COLUMN message_status.user_id     IS 'Who did it: the sender, server, or the recipient.';

CREATE INDEX message_status_message ON message_status (message_id);             -- a message's statuses
CREATE INDEX message_status_newest  ON message_status ("timestamp");            -- newest statuses
CREATE INDEX message_status_user    ON message_status (user_id, "timestamp");   -- a user's statuses

GRANT SELECT, INSERT, UPDATE, DELETE ON chat_messages, message_status TO hermes_projector;
GRANT SELECT ON chat_messages, message_status TO hermes_reader, hermes_ingester;
