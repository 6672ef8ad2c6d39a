DROP TABLE user_tickets, venue_seats, event_venue_association, events, queue_draw, queue_setting, outbox_sweep, inbox,
    outbox, idempotency_key, point_history, point_wallet, refund, payment, payment_order, reservation, seat, schedule,
    concert, user_account;
DROP SEQUENCE seat_rev;
