create table user_groups (
    pool_id     text   not null,
    name        text   not null,
    description text   not null,
    role_arn    text   not null,
    precedence  bigint,
    created_at  bigint not null,
    updated_at  bigint not null,
    primary key (pool_id, name)
);

create table user_group_members (
    pool_id    text   not null,
    group_name text   not null,
    sub        text   not null,
    primary key (pool_id, group_name, sub)
);
create index user_group_members_by_user on user_group_members (pool_id, sub, group_name);
