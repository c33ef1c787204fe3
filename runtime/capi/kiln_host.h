/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What objects, archives and shared libraries that `kiln compile --emit` makes for hosts ask of libkiln_runtime. They
 * are compiled code with a plain C interface, and hand these on to it in a kiln_context_t whose `host` is null. */
#ifndef KILN_RUNTIME_CAPI_KILN_HOST_H_
#define KILN_RUNTIME_CAPI_KILN_HOST_H_

#include "runtime/abi/kiln_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A kiln_parallel_for_fn_t on the threads of the process: as many as the machine has, the caller's among them. */
__attribute__((visibility("default"))) kiln_status_t kiln_parallel_for(kiln_context_t* context, int64_t count,
                                                                       int64_t grain, kiln_task_fn_t fn, void* task);

/* The functions of kiln_context_t::library. Lives forever. */
__attribute__((visibility("default"))) const kiln_library_t* kiln_host_library(void);

#ifdef __cplusplus
}
#endif

#endif /* KILN_RUNTIME_CAPI_KILN_HOST_H_ */
