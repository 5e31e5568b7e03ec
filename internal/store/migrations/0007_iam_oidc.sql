-- OpenID Connect providers whose tokens roles may trust. The lists are JSON.
create table iam_oidc_providers (
    arn         text   not null primary key,
    client_ids  text   not null,
    thumbprints text   not null,
    tags        text   not null,
    created_at  bigint not null
);
