import type { ReflectedContracts } from "@antiphon/mesh";
import { CatalogService } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import {
  Access,
  file_antiphon_options_v1_options,
  type Priority,
  type RateClass,
} from "@antiphon/proto/antiphon/options/v1/options";
import { create, type DescFile, type DescService } from "@bufbuild/protobuf";
import {
  FileDescriptorSetSchema,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  MethodOptions_IdempotencyLevel,
} from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { type ReviewContract, reviewContract } from "../../testing/review-contract.ts";
import { builtOffers, ContractRefused, type Offer, readOffer } from "./offer.ts";
import { readContracts } from "./routes.ts";

const built = builtOffers(readContracts());
const known: readonly DescFile[] = [
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_antiphon_options_v1_options,
];

function reflected(service: DescService, files = [...known, service.file]): ReflectedContracts {
  const file = files.map(({ proto }) => proto);
  return { services: [service.typeName], files: create(FileDescriptorSetSchema, { file }) };
}

const read = (contract: ReviewContract, service = "reviews", others: readonly Offer[] = built): Offer =>
  readOffer(service, reflected(reviewContract(contract)), others, undefined);

const pathsOf = ({ routes }: Offer) => routes.map(({ method }) => `${method.parent.typeName}/${method.name}`);

test("what the gateway was built with has routes for reachable calls, each for its service", () => {
  const catalog = built.find(({ service }) => service === "catalog")!;
  expect(pathsOf(catalog)).toContain("antiphon.catalog.v1.CatalogService/GetTrack");
  expect(pathsOf(catalog)).not.toContain("antiphon.catalog.v1.CatalogService/ExportTracks");
});

test("a service's own contract says what is reachable", () => {
  const offer = read({ methods: { GetReview: { access: Access.PUBLIC }, Purge: {} } });
  expect(pathsOf(offer)).toEqual(["antiphon.reviews.v1.ReviewService/GetReview"]);
  expect(offer.routes[0]?.semantics.access).toBe(Access.PUBLIC);
});

const open = { GetReview: { access: Access.PUBLIC } };
const reviews = built.concat(read({ methods: open }));
test.each<[string, ReviewContract, string, RegExp]>([
  [
    "an access that is not known",
    { methods: { GetReview: { access: 9 as Access } } },
    "reviews",
    /ReviewService\/GetReview: access: is 9, known are ACCESS_UNSPECIFIED, .*ACCESS_OPERATOR/,
  ],
  [
    "a rate class and a priority that are not known",
    {
      methods: { GetReview: { access: Access.PUBLIC, rateClass: 77 as RateClass, priority: -1 as Priority } },
    },
    "reviews",
    /priority: is -1.*; .*rate_class: is 77/,
  ],
  [
    "a timeout below 0",
    { methods: { GetReview: { access: Access.PUBLIC, timeout: { seconds: -1n } } } },
    "reviews",
    /timeout: must be more than 0/,
  ],
  [
    "a call that changes something and may be cached",
    {
      methods: { AddReview: { access: Access.PUBLIC, cacheMaxAge: { seconds: 1n } } },
      idempotency: MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN,
    },
    "reviews",
    /cache_max_age: is for calls with/,
  ],
  [
    "a service that is another's by its contract",
    { methods: open, name: "catalog" },
    "reviews",
    /is catalog's by its contract/,
  ],
  [
    "another's package",
    { methods: open, package: "antiphon.catalog.v1", name: "reviews" },
    "reviews",
    /package antiphon\.catalog\.v1 belongs to catalog/,
  ],
  [
    "the package of an internal service",
    { methods: open, package: "antiphon.media.v1", name: "reviews" },
    "reviews",
    /package antiphon\.media\.v1 belongs to media/,
  ],
  [
    "calls that another service has already",
    { methods: open, name: "copycat" },
    "copycat",
    /ReviewService: is served by reviews already/,
  ],
])("%s is refused", (_what, contract, service, message) => {
  const offer = () => read(contract, service, reviews);
  expect(offer).toThrow(ContractRefused);
  expect(offer).toThrow(message);
});

test("an import that is missing and a service that is not declared are refused", () => {
  const contract = reviewContract({ methods: open });
  const lacking = () => readOffer("reviews", reflected(contract, [contract.file]), built, undefined);
  expect(lacking).toThrow(/^no valid contract: .*options\.proto/);
  const listed = { ...reflected(contract), services: ["antiphon.reviews.v1.Nothing"] };
  expect(() => readOffer("reviews", listed, built, undefined)).toThrow("Nothing: is listed and not declared");
});

test("a service that serves another's internal calls beside its own, as media are, is no conflict", () => {
  const internal = reviewContract({ methods: { Purge: { access: Access.INTERNAL } } });
  expect(readOffer("copycat", reflected(internal), reviews, undefined).routes).toEqual([]);
});

test("what a service had from the start stays its own", () => {
  const catalog = built.find(({ service }) => service === "catalog");
  const contract = reviewContract({ methods: open, package: "antiphon.catalog.v1", name: "catalog" });
  const others = built.filter((offer) => offer !== catalog);
  expect(CatalogService.file.proto.package).toBe(contract.file.proto.package);
  expect(readOffer("catalog", reflected(contract), others, catalog).routes).toHaveLength(1);
});
