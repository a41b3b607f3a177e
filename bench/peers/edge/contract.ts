import { Access } from "@antiphon/proto/antiphon/options/v1/options";
import { reviewContract } from "../../../gateway/testing/review-contract.ts";

const access = Access.PUBLIC;

/** A service that the gateway learns of by reflection: a call and a stream. */
export const contract = reviewContract({
  methods: {
    GetReview: { access },
    WatchReviews: { access },
  },
});
