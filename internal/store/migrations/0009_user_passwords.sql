-- Where a code verifies a value that the user does not have yet.
alter table user_codes add column value text not null default '';

-- Former passwords, for pools that remember some.
create table user_passwords (
    pool_id text   not null,
    sub     text   not null,
    set_at  bigint not null,
    record  bytea  not null,
    primary key (pool_id, sub, set_at)
);
