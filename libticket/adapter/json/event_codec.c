#include "adapter/json/event_codec.h"

enum event_fault event_fault_of(const struct json_errors *errors)
{
	static const enum event_fault MEANS[] = {
		[JSON_NOT_JSON] = EVENT_NOT_JSON,
		[JSON_DUPLICATE] = EVENT_DUPLICATE_FIELD,
		[JSON_MISSING] = EVENT_MISSING_FIELD,
		[JSON_BAD] = EVENT_BAD_FIELD,
	};
	return errors->count == 0 ? EVENT_FINE : MEANS[errors->error[0].fault];
}
