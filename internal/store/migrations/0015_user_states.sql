-- ListUsers by cognito:user_status and by status, for the few users in a rare
-- state among many.
create index users_by_status on users (pool_id, status, sub);
create index users_disabled on users (pool_id, sub) where not enabled;
