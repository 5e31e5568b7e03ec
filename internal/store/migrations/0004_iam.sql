-- Users, roles and groups of IAM. They have most things in common, so they are
-- one table: kind is 'user', 'role' or 'group'. Names are unique ignoring case
-- (name_key). The last four columns before the dates are a role's.
create table iam_entities (
    id          text   not null primary key,
    kind        text   not null,
    name        text   not null,
    name_key    text   not null,
    path        text   not null,
    boundary    text   not null,
    tags        text   not null,
    trust       text   not null,
    trust_ids   text   not null,
    description text   not null,
    max_session bigint not null,
    created_at  bigint not null
);
create unique index iam_entities_by_name on iam_entities (kind, name_key);
create index iam_entities_by_boundary on iam_entities (boundary);

create table iam_group_members (
    group_id text not null,
    user_id  text not null,
    primary key (group_id, user_id)
);
create index iam_group_members_by_user on iam_group_members (user_id);

-- Access keys of users, and of the account's root user, whose owner is 'root'.
create table iam_access_keys (
    id           text   not null primary key,
    owner_id     text   not null,
    secret       bytea  not null,
    status       text   not null,
    created_at   bigint not null,
    used_at      bigint not null,
    used_service text   not null,
    used_region  text   not null
);
create index iam_access_keys_by_owner on iam_access_keys (owner_id, id);

create table iam_policies (
    arn             text   not null primary key,
    id              text   not null,
    name            text   not null,
    name_key        text   not null,
    path            text   not null,
    description     text   not null,
    tags            text   not null,
    default_version bigint not null,
    last_version    bigint not null,
    created_at      bigint not null,
    updated_at      bigint not null
);
create unique index iam_policies_by_name on iam_policies (name_key);

create table iam_policy_versions (
    arn        text   not null,
    version    bigint not null,
    document   text   not null,
    created_at bigint not null,
    primary key (arn, version)
);

-- Managed policies of entities. The ARN may be that of a policy of AWS's, which
-- is in no table.
create table iam_attachments (
    owner_id   text not null,
    policy_arn text not null,
    primary key (owner_id, policy_arn)
);
create index iam_attachments_by_policy on iam_attachments (policy_arn, owner_id);

create table iam_inline_policies (
    owner_id text not null,
    name     text not null,
    document text not null,
    primary key (owner_id, name)
);
