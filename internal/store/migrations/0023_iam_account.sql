-- What belongs to the account itself: its alias, its password policy, its last
-- credential report. The value is a text of the service's.
create table iam_account (
    name       text   not null primary key,
    value      text   not null,
    created_at bigint not null
);
-- SAML providers of IAM. The metadata is XML, as it was given; valid_until is 0
-- where it does not say.
create table iam_saml_providers (
    arn         text   not null primary key,
    id          text   not null,
    metadata    text   not null,
    valid_until bigint not null,
    tags        text   not null,
    created_at  bigint not null
);
