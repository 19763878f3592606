// A program that imports BetaPool and meets BETAPOOL_EMBEDDED=1 in its environment gets this for an answer: see Package.swift.
#if hasFeature(Embedded)
    #error("BETAPOOL_EMBEDDED=1 builds the C library alone: unset it to build a Swift program that imports BetaPool")
#endif
