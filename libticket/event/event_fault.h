/* event_fault: why the bytes of a message are no event of ours. The words are what dlq.reason says. Values only. */
#ifndef TK_EVENT_FAULT_H
#define TK_EVENT_FAULT_H

enum event_fault {
	EVENT_FINE,
	EVENT_NOT_JSON,		   /* not one strict JSON object; also no value at all */
	EVENT_UNKNOWN_VERSION, /* judged before the other fields: another version may have other fields */
	EVENT_UNKNOWN_TYPE,
	EVENT_DUPLICATE_FIELD,
	EVENT_MISSING_FIELD,
	EVENT_BAD_FIELD, /* wrong type, out of range, no UUID, no time, ... */
	EVENT_FAULTS
};
extern const char *const EVENT_FAULT_NAME[EVENT_FAULTS]; /* "not_json", ... */

#endif
