/* target: the server that a benchmark's command line names. */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include <netinet/in.h>

/* Of "127.0.0.1:8080"; anything else, NULL too, ends the program. */
struct sockaddr_in target_parse(const char *host_port);

#endif
