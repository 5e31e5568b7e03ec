-- By which identity provider a browser has signed in; '' is the pool itself.
alter table user_logins add column provider text not null default '';
