/* cpu: what processes have used so far, all their threads, in seconds; and what they hold of memory. */
#ifndef BENCH_CPU_H
#define BENCH_CPU_H

double cpu_self_s(void);
double cpu_of_s(int pid); /* 0: there is none; in steps of 10 ms */

#endif
