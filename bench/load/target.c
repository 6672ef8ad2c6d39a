#include "load/target.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sockaddr_in target_parse(const char *host_port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	const char *colon = host_port ? strrchr(host_port, ':') : NULL;
	char host[INET_ADDRSTRLEN] = "";

	if (colon && (size_t)(colon - host_port) < sizeof host) memcpy(host, host_port, (size_t)(colon - host_port));
	if (!colon || inet_pton(AF_INET, host, &a.sin_addr) != 1) {
		fprintf(stderr, "%s: HOST:PORT with an IPv4 address, please\n", host_port ? host_port : "no target");
		exit(2);
	}
	a.sin_port = htons((uint16_t)atoi(colon + 1));
	return a;
}
