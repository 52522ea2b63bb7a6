insert into restored (taken_at, restored_at) values (:'taken_at', now());
