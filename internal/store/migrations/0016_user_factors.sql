-- The second factors that users have switched on, and the one that they
-- prefer ("" for none). What they prove them with stands elsewhere: a software
-- token has its own table, an address is an attribute.
create table user_factors (
    pool_id        text    not null,
    sub            text    not null,
    sms            boolean not null,
    software_token boolean not null,
    email          boolean not null,
    passkey        boolean not null,
    preferred      text    not null,
    primary key (pool_id, sub)
);
insert into user_factors (pool_id, sub, sms, software_token, email, passkey, preferred)
    select pool_id, sub, false, enabled, false, false, case when preferred then 'SOFTWARE_TOKEN_MFA' else '' end from user_software_tokens;
alter table user_software_tokens drop column enabled;
alter table user_software_tokens drop column preferred;
