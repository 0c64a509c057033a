/* The GPU by Metal. Never compiled: see README.md. */
#import <Foundation/Foundation.h>
#import <Metal/Metal.h>

#include <stdlib.h>
#include <string.h>

#include "gpu.h"
#include "kernels.h" /* kernels_source: kernels.metal and what it includes, as text */

#if !__has_feature(objc_arc)
#error "compile with -fobjc-arc"
#endif

static NSString *const kNames[KERNELS] = {@"norm", @"quantize", @"product_f32", @"product_f16", @"product_q8_0", @"product_q4_k", @"product_q6_k", @"rope", @"store",
    @"attend", @"activate", @"add", @"gather", @"cap", @"probe"};

/* Memory that kernels may use: from at to before end. The buffer begins where its first page does. Regions may share pages, and no byte. */
@interface Region : NSObject
@property(nonatomic) uintptr_t at, end, page;
@property(nonatomic) id<MTLBuffer> buffer;
@end
@implementation Region
@end

@interface Queue : NSObject
@property(nonatomic) id<MTLDevice> device;
@property(nonatomic) id<MTLCommandQueue> queue;
@property(nonatomic) NSMutableArray<id<MTLComputePipelineState>> *kernels;
@property(nonatomic) NSMutableArray<Region *> *regions; /* by address */
@property(nonatomic) id<MTLCommandBuffer> commands, last;
@property(nonatomic) id<MTLComputeCommandEncoder> encoder;
@property(nonatomic) NSString *failure;
@end
@implementation Queue
@end

static NSArray<id<MTLDevice>> *devices(void)
{
#if TARGET_OS_OSX
    NSMutableArray *shared = [NSMutableArray array];
    for (id<MTLDevice> device in MTLCopyAllDevices())
        if (device.hasUnifiedMemory) [shared addObject:device];
    return shared;
#else
    id<MTLDevice> device = MTLCreateSystemDefaultDevice();
    return device ? @[ device ] : @[];
#endif
}

static Queue *queue_of(gpu *g)
{
    return (__bridge Queue *)(void *)g;
}

static void say(char *text, uint64_t bytes, NSString *what)
{
    strlcpy(text, what ? what.UTF8String : "Metal gives no reason", bytes);
}

int gpu_count(void)
{
    @autoreleasepool { return (int)devices().count; }
}

void gpu_describe(int device, char *name, uint64_t name_bytes, uint64_t *total, uint64_t *free_bytes)
{
    @autoreleasepool
    {
        id<MTLDevice> d = devices()[(NSUInteger)device];
        say(name, name_bytes, d.name);
        *total = d.recommendedMaxWorkingSetSize;
        *free_bytes = d.recommendedMaxWorkingSetSize > d.currentAllocatedSize ? d.recommendedMaxWorkingSetSize - d.currentAllocatedSize : 0;
    }
}

gpu *gpu_open(int device, char *text, uint64_t text_bytes)
{
    @autoreleasepool
    {
        Queue *q = [Queue new];
        NSError *why = nil;
        MTLCompileOptions *options = [MTLCompileOptions new];
        options.fastMathEnabled = NO;
        q.device = devices()[(NSUInteger)device];
        q.queue = [q.device newCommandQueue];
        q.regions = [NSMutableArray array];
        q.kernels = [NSMutableArray array];
        id<MTLLibrary> library = [q.device newLibraryWithSource:[NSString stringWithUTF8String:kernels_source] options:options error:&why];
        for (int i = 0; library && i < KERNELS; i++)
        {
            id<MTLFunction> function = [library newFunctionWithName:kNames[i]];
            id<MTLComputePipelineState> kernel = function ? [q.device newComputePipelineStateWithFunction:function error:&why] : nil;
            if (!kernel) break;
            [q.kernels addObject:kernel];
        }
        if (!q.queue || q.kernels.count != KERNELS)
        {
            say(text, text_bytes, why.localizedDescription);
            return NULL;
        }
        return (gpu *)(__bridge_retained void *)q;
    }
}

void gpu_close(gpu *g)
{
    if (g) (void)(__bridge_transfer Queue *)(void *)g;
}

/* How many regions begin at an address or before it. */
static NSUInteger before(NSArray<Region *> *regions, uintptr_t at)
{
    NSUInteger low = 0, high = regions.count;
    while (low < high)
    {
        NSUInteger middle = (low + high) / 2;
        if (regions[middle].at <= at) low = middle + 1;
        else high = middle;
    }
    return low;
}

bool gpu_use(gpu *g, const void *memory, uint64_t bytes)
{
    @autoreleasepool
    {
        uintptr_t page = (uintptr_t)getpagesize();
        Region *region = [Region new];
        region.at = (uintptr_t)memory;
        region.end = region.at + bytes;
        region.page = region.at / page * page;
        region.buffer = [queue_of(g).device newBufferWithBytesNoCopy:(void *)region.page length:(region.end - region.page + page - 1) / page * page
                                                             options:MTLResourceStorageModeShared deallocator:nil];
        if (region.buffer) [queue_of(g).regions insertObject:region atIndex:before(queue_of(g).regions, region.at)];
        return region.buffer != nil;
    }
}

void gpu_forget(gpu *g, const void *memory)
{
    NSMutableArray<Region *> *regions = queue_of(g).regions;
    NSUInteger i = before(regions, (uintptr_t)memory);
    if (i > 0 && regions[i - 1].at == (uintptr_t)memory) [regions removeObjectAtIndex:i - 1];
}

void gpu_run(gpu *g, enum kernel_number kernel, const void *const *buffers, int count, const struct parameters *p, uint32_t x, uint32_t y)
{
    @autoreleasepool
    {
        Queue *q = queue_of(g);
        if (x == 0 || y == 0) return;
        if (!q.encoder)
        {
            q.commands = [q.queue commandBuffer];
            q.encoder = [q.commands computeCommandEncoder]; /* serial: each kernel sees what those before it wrote */
        }
        [q.encoder setComputePipelineState:q.kernels[kernel]];
        [q.encoder setBytes:p length:sizeof *p atIndex:PARAMETERS_AT];
        for (int i = 0; i < count; i++)
        {
            if (i == PARAMETERS_AT) continue;
            uintptr_t at = (uintptr_t)buffers[i];
            NSUInteger found = before(q.regions, at);
            Region *region = q.regions[found > 0 ? found - 1 : 0];
            if (at && (at < region.at || at >= region.end)) q.failure = @"a kernel was given memory that it may not use";
            [q.encoder setBuffer:region.buffer offset:at && !q.failure ? at - region.page : 0 atIndex:(NSUInteger)i];
        }
        NSUInteger width = q.kernels[kernel].threadExecutionWidth;
        [q.encoder dispatchThreads:MTLSizeMake(x, y, 1) threadsPerThreadgroup:MTLSizeMake(width, 1, 1)];
    }
}

void gpu_start(gpu *g)
{
    @autoreleasepool
    {
        Queue *q = queue_of(g);
        if (!q.encoder) return;
        [q.encoder endEncoding];
        [q.commands commit];
        q.last = q.commands;
        q.encoder = nil;
        q.commands = nil;
    }
}

bool gpu_wait(gpu *g, char *text, uint64_t text_bytes)
{
    @autoreleasepool
    {
        Queue *q = queue_of(g);
        gpu_start(g);
        [q.last waitUntilCompleted];
        if (q.last.status == MTLCommandBufferStatusError && !q.failure) q.failure = q.last.error.localizedDescription ?: @"a command buffer failed";
        q.last = nil;
        if (!q.failure) return true;
        say(text, text_bytes, q.failure);
        q.failure = nil;
        return false;
    }
}
