create table messages (
    message_id     text   not null primary key,
    created_at     bigint not null,
    channel        text   not null,
    recipient      text   not null,
    subject        text   not null,
    body           bytea  not null,
    code           bytea  not null,
    trigger_source text   not null,
    pool_id        text   not null,
    username       text   not null,
    state          text   not null,
    attempts       bigint not null,
    next_at        bigint not null
);
create index messages_by_recipient on messages (recipient, message_id);
create index messages_due on messages (state, next_at);
