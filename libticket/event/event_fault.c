#include "event/event_fault.h"

const char *const EVENT_FAULT_NAME[EVENT_FAULTS] = {
	[EVENT_FINE] = "fine",
	[EVENT_NOT_JSON] = "not_json",
	[EVENT_UNKNOWN_VERSION] = "unknown_version",
	[EVENT_UNKNOWN_TYPE] = "unknown_type",
	[EVENT_DUPLICATE_FIELD] = "duplicate_field",
	[EVENT_MISSING_FIELD] = "missing_field",
	[EVENT_BAD_FIELD] = "bad_field",
};
