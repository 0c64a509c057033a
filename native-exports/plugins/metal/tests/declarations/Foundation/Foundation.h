/* The little of Foundation that gpu.m names, so that clang can read gpu.m elsewhere than on a Mac. From memory: no proof that it compiles there. */
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#define TARGET_OS_OSX 1
#define nil ((id)0)
typedef unsigned long NSUInteger;
typedef signed char BOOL;
#define NO ((BOOL)0)
typedef struct {
    unsigned long state;
    id __unsafe_unretained *itemsPtr;
    unsigned long *mutationsPtr;
    unsigned long extra[5];
} NSFastEnumerationState;
__attribute__((objc_root_class)) @interface NSObject
+ (instancetype)new;
@end
@interface NSString : NSObject
@property(readonly) const char *UTF8String;
+ (instancetype)stringWithUTF8String:(const char *)text;
@end
@interface NXConstantString : NSString
@end
@interface NSError : NSObject
@property(readonly) NSString *localizedDescription;
@end
@interface NSArray<T> : NSObject
@property(readonly) NSUInteger count;
@property(readonly) T firstObject;
- (T)objectAtIndexedSubscript:(NSUInteger)i;
+ (instancetype)arrayWithObjects:(const id[])objects count:(NSUInteger)n;
- (NSUInteger)countByEnumeratingWithState:(NSFastEnumerationState *)state objects:(id __unsafe_unretained[])buffer count:(NSUInteger)n;
@end
@interface NSMutableArray<T> : NSArray <T>
+ (instancetype)array;
- (void)addObject:(T)object;
- (void)insertObject:(T)object atIndex:(NSUInteger)i;
- (void)removeObjectAtIndex:(NSUInteger)i;
@end
size_t strlcpy(char *to, const char *from, size_t n);
