-- Parameters of SSM Parameter Store. "key" is the name without the slash at its
-- beginning, as the parameter's ARN has it; "name" is what it was called when
-- it was made. "version" is the newest one.
create table ssm_parameters (
    region  text   not null,
    key     text   not null,
    name    text   not null,
    version bigint not null,
    tags    text   not null,
    primary key (region, key)
);
-- The newest hundred versions of each. "settings" is a text of the service's,
-- "labels" a list of names; each of them stands at one version.
create table ssm_parameter_versions (
    region     text   not null,
    key        text   not null,
    version    bigint not null,
    settings   text   not null,
    labels     text   not null,
    value      bytea  not null,
    created_at bigint not null,
    primary key (region, key, version)
);
