// swift-tools-version: 6.1
import PackageDescription

// The shipped library is built with BETAPOOL_EMBEDDED=1: Embedded Swift, some tens of kilobytes that need libc alone.
// Without it the same sources build as ordinary Swift, for `swift test`, the sanitizers and Swift programs.
let embedded = Context.environment["BETAPOOL_EMBEDDED"] == "1"

let package = Package(
    name: "BetaPool",
    products: [
        .library(name: "betapool", type: .dynamic, targets: ["BetaPool"])
    ],
    targets: [
        .systemLibrary(name: "CBetaPool", path: "include"),
        .target(name: "CSystem", path: "Sources/CSystem", publicHeadersPath: "."),
        .target(
            name: "BetaPool",
            dependencies: ["CBetaPool", "CSystem"],
            exclude: ["Export/betapool.map"],
            swiftSettings: embedded ? [.enableExperimentalFeature("Embedded")] : []
        ),
    ] + (embedded ? [] : [.testTarget(name: "BetaPoolTests", dependencies: ["BetaPool"])])
)
