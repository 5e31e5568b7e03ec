-- Settings of the store itself. "canary" is a text sealed with the key ring:
-- a start with another ring must fail before it writes anything.
create table store_settings (
    name  text  not null primary key,
    value bytea not null
);

-- The generation of the configuration: one row, which every node polls.
create table config_generation (
    id    bigint not null primary key,
    value bigint not null
);
insert into config_generation (id, value) values (1, 1);

-- Things that may be used once: codes, sessions, refresh tokens, assertions.
-- A row is needed only until the thing itself has expired.
create table spent_tokens (
    scope      text   not null,
    id         text   not null,
    expires_at bigint not null,
    primary key (scope, id)
);
create index spent_tokens_by_expiry on spent_tokens (expires_at);
