#pragma once

#include <libpq-fe.h>

// Swift imports integer and string macros, but not macros that are character constants, and PG_DIAG_* are those
// (postgres_ext.h). PQresultErrorField takes them as int, so they are handed over as int, one function for each field.
static inline int levqor_pg_diag_severity(void) { return PG_DIAG_SEVERITY_NONLOCALIZED; }
static inline int levqor_pg_diag_sqlstate(void) { return PG_DIAG_SQLSTATE; }
static inline int levqor_pg_diag_message(void) { return PG_DIAG_MESSAGE_PRIMARY; }
static inline int levqor_pg_diag_detail(void) { return PG_DIAG_MESSAGE_DETAIL; }
static inline int levqor_pg_diag_hint(void) { return PG_DIAG_MESSAGE_HINT; }
static inline int levqor_pg_diag_position(void) { return PG_DIAG_STATEMENT_POSITION; }
static inline int levqor_pg_diag_context(void) { return PG_DIAG_CONTEXT; }
static inline int levqor_pg_diag_schema(void) { return PG_DIAG_SCHEMA_NAME; }
static inline int levqor_pg_diag_table(void) { return PG_DIAG_TABLE_NAME; }
static inline int levqor_pg_diag_column(void) { return PG_DIAG_COLUMN_NAME; }
static inline int levqor_pg_diag_constraint(void) { return PG_DIAG_CONSTRAINT_NAME; }
static inline int levqor_pg_diag_source_function(void) { return PG_DIAG_SOURCE_FUNCTION; }

// libpq prints notices on stderr unless it is given a receiver. A notice may hold a caller's data, so it is dropped
// here, in C, because a Swift closure cannot be spelled inside a C header and a receiver that does nothing needs no Swift.
static inline void levqor_pg_drop_notice(void *_Nullable context, const PGresult *_Nullable notice) {
    (void)context;
    (void)notice;
}
static inline void levqor_pg_silence_notices(PGconn *_Nonnull connection) {
    PQsetNoticeReceiver(connection, levqor_pg_drop_notice, NULL);
}

// strcmp, without making the room import a platform's C library for this one call.
static inline int levqor_pg_same_text(const char *_Nonnull one, const char *_Nonnull other) {
    while (*one != 0 && *one == *other) {
        one++;
        other++;
    }
    return *one == *other;
}
