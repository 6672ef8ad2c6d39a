/* event_codec: what the codecs of events share. Internal to adapter/json. */
#ifndef TK_EVENT_CODEC_H
#define TK_EVENT_CODEC_H

#include "adapter/json/json_codec.h"
#include "event/event_fault.h"

enum { EVENT_VERSION = 1, EVENT_TYPE_TEXT = 256 };

/* The first thing wrong, of a version that is known; `errors` as json_decode left them. */
enum event_fault event_fault_of(const struct json_errors *errors);

#endif
