DROP INDEX queue_draw_due;
