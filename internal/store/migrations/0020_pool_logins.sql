-- Sign-ins of browsers at a pool's domain: what the cookie stands for. "token"
-- is a hash of the cookie's value.
create table user_logins (
    pool_id    text   not null,
    sub        text   not null,
    token      text   not null,
    event_id   text   not null,
    auth_time  bigint not null,
    expires_at bigint not null,
    primary key (pool_id, token)
);
create index user_logins_sub on user_logins (pool_id, sub);
create index user_logins_expiry on user_logins (expires_at);
-- Authorization codes, by a hash of the code. "body" is what the code is good
-- for, JSON of the service's own making, sealed. Once "session" is set the code
-- was used: another use ends that session.
create table authorization_codes (
    pool_id    text   not null,
    sub        text   not null,
    code       text   not null,
    client_id  text   not null,
    body       bytea  not null,
    session    text   not null,
    expires_at bigint not null,
    primary key (pool_id, code)
);
create index authorization_codes_sub on authorization_codes (pool_id, sub);
create index authorization_codes_expiry on authorization_codes (expires_at);
