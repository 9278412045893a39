from django.urls import path

from inference.views import (
    compare,
    draw,
    drawings,
    models,
    review,
    rounds,
    sharing,
    snapshots,
)

urlpatterns = [
    path("draw/", draw.draw, name="draw"),
    path("models/", models.models, name="models"),
    path("models/compare/", compare.models_compare, name="models_compare"),
    path("models/compare/judge/", compare.models_compare_judge, name="models_compare_judge"),
    path("models/<int:number>/judge/", models.model_judge, name="model_judge"),
    path("models/<int:number>/", models.model, name="model"),
    path("models/<int:number>/promote/", models.model_promote, name="model_promote"),
    path("models/<int:number>/<slug:format>", models.model_download, name="model_download"),
    path("rounds/", rounds.rounds, name="rounds"),
    path("rounds/judge/", rounds.rounds_judge, name="rounds_judge"),
    path("drawings/", drawings.my_drawings, name="my_drawings"),
    path("drawings/<int:pk>/", drawings.drawing, name="drawing"),
    path("drawings/<int:pk>.png", drawings.drawing_image, name="drawing_image"),
    path("snapshots/new/", snapshots.snapshot_new, name="snapshot_new"),
    path("snapshots/<int:pk>/", snapshots.snapshot, name="snapshot"),
    path("sharing/", sharing.sharing, name="sharing"),
    path("sharing/new/", sharing.share_create, name="share_create"),
    path("sharing/<int:pk>/", sharing.share_drawings, name="share_drawings"),
    path("sharing/<int:pk>/revoke/", sharing.share_revoke, name="share_revoke"),
    path("s/<slug:token>/", sharing.shared, name="shared"),
    path("review/", review.review, name="review"),
    path("review/verdict/", review.review_verdict, name="review_verdict"),
    path("review/undo/", review.review_undo, name="review_undo"),
]
