-- Devices that users have confirmed. "verifier" is what a device proves itself
-- against, as a password does (salt and SRP verifier, sealed). A session that
-- was begun on a device is refreshed from it alone.
create table user_devices (
    pool_id          text    not null,
    sub              text    not null,
    device_key       text    not null,
    name             text    not null,
    verifier         bytea   not null,
    remembered       boolean not null,
    ip               text    not null,
    created_at       bigint  not null,
    updated_at       bigint  not null,
    authenticated_at bigint  not null,
    primary key (pool_id, sub, device_key)
);
alter table user_sessions add column device_key text not null default '';
