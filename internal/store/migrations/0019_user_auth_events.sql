-- What users of pools with threat protection did: sign-ins, sign-ups, changes
-- of passwords. "passed" parts those that went through from the others: each
-- part keeps its newest, so that failures of strangers push no success out.
create table user_auth_events (
    pool_id     text    not null,
    sub         text    not null,
    event_id    text    not null,
    created_at  bigint  not null,
    expires_at  bigint  not null,
    passed      boolean not null,
    type        text    not null,
    response    text    not null,
    decision    text    not null,
    level       text    not null,
    compromised boolean not null,
    challenges  text    not null,
    ip          text    not null,
    device      text    not null,
    city        text    not null,
    country     text    not null,
    feedback    text    not null,
    feedback_by text    not null,
    feedback_at bigint  not null,
    primary key (pool_id, sub, event_id)
);
create index user_auth_events_by_age on user_auth_events (pool_id, sub, created_at, event_id);
create index user_auth_events_passed on user_auth_events (pool_id, sub, passed, created_at, event_id);
create index user_auth_events_by_expiry on user_auth_events (expires_at);
