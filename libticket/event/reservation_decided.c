#include "event/reservation_decided.h"

const char *const RESERVATION_EVENT_NAME[RESERVATION_EVENTS] = {
	[RESERVATION_CONFIRMED] = "ReservationConfirmedEvent",
	[RESERVATION_REJECTED] = "ReservationRejectedEvent",
	[RESERVATION_CANCELLED] = "ReservationCancelledEvent",
};
