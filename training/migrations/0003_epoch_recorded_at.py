from django.db import migrations, models
from django.utils import timezone


class Migration(migrations.Migration):
    dependencies = [("training", "0002_claimed_at")]

    # In two steps, so that epochs from before have no time rather than that of the migration.
    operations = [
        migrations.AddField("epochmetric", "recorded_at", models.DateTimeField(null=True)),
        migrations.AlterField(
            "epochmetric", "recorded_at", models.DateTimeField(default=timezone.now, null=True)
        ),
    ]
