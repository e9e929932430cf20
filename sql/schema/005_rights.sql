-- Closed by default. The form with "in schema" would do nothing: only the global one takes EXECUTE from PUBLIC.
alter default privileges revoke execute on functions from public;
alter default privileges revoke usage on types from public;
