/* Preloaded in front of libc: names that end in ".stuck" hang for ever, those that end in ".healthy" are loopback. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static int ends_in(const char *name, const char *end) {
    size_t length = strlen(name), tail = strlen(end);
    return length > tail && strcmp(name + length - tail, end) == 0;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    if (name != NULL && ends_in(name, ".stuck"))
        for (;;)
            pause();
    if (name != NULL && ends_in(name, ".healthy"))
        name = "127.0.0.1";
    return ((resolver *)dlsym(RTLD_NEXT, "getaddrinfo"))(name, service, hints, found);
}
