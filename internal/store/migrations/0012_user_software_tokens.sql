-- Software tokens (TOTP) of users. "secret" is the verified one, "pending" one
-- that waits for its first code; both are sealed. "last_step" is the step of
-- the last code that was taken: no code counts twice.
create table user_software_tokens (
    pool_id   text    not null,
    sub       text    not null,
    secret    bytea,
    pending   bytea,
    name      text    not null,
    last_step bigint  not null,
    enabled   boolean not null,
    preferred boolean not null,
    primary key (pool_id, sub)
);
