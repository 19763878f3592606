// swift-tools-version: 6.1
import PackageDescription

// A Swift program that depends on BetaPool: by path, or by URL where BETAPOOL_URL names a git repository with a tag 1.0.0.
let betapool: Package.Dependency =
    if let url = Context.environment["BETAPOOL_URL"] {
        .package(url: url, exact: "1.0.0")
    } else {
        .package(name: "betapool", path: "../..")
    }

let package = Package(
    name: "consumer",
    dependencies: [betapool],
    targets: [.executableTarget(name: "consumer", dependencies: [.product(name: "BetaPool", package: "betapool")])]
)
